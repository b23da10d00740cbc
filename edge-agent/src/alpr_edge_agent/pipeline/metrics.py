"""The pipeline's figures: `alpr_pipeline_…`, and the old names as aliases of them. One label: camera_id."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)
OLD_NAMES = {
    "alpr_pipeline_frames_processed": "alpr_frames_processed",
    "alpr_pipeline_frames_skipped": "alpr_frames_skipped",
    "alpr_pipeline_vehicles": "alpr_vehicles_detected",
    "alpr_pipeline_plates": "alpr_plates_detected",
    "alpr_pipeline_reads": "alpr_ocr_operations",
    "alpr_pipeline_events": "alpr_events_published",
    "alpr_pipeline_camera_fps": "alpr_fps",
    "alpr_pipeline_active_tracks": "alpr_active_tracks",
    "alpr_pipeline_processing_seconds": "alpr_processing_time_seconds",
    "alpr_pipeline_detection_seconds": "alpr_detection_time_seconds",
    "alpr_pipeline_reading_seconds": "alpr_ocr_time_seconds",
}
_LABELS = ("camera_id",)
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class PipelineMetrics:
    """All of them, in a registry of their own.

    The times are of one batch, booked once a camera in it: what a frame of that camera waited for.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._processed = self._counter("alpr_pipeline_frames_processed", "Frames that the detector saw.")
        self._skipped = self._counter("alpr_pipeline_frames_skipped", "Frames not looked at, or late.")
        self._vehicles = self._counter("alpr_pipeline_vehicles", "Vehicles that passed.")
        self._plates = self._counter("alpr_pipeline_plates", "Plate boxes found, over all frames.")
        self._reads = self._counter("alpr_pipeline_reads", "Plate views read.")
        self._events = self._counter("alpr_pipeline_events", "Events made durable.")
        self._fps = self._gauge("alpr_pipeline_camera_fps", "Decoded frames a second.")
        self._tracks = self._gauge("alpr_pipeline_active_tracks", "Vehicles in view with evidence kept.")
        self._processing = self._histogram("alpr_pipeline_processing_seconds", "From frame to settled.")
        self._detection = self._histogram("alpr_pipeline_detection_seconds", "One batch of the detector.")
        self._reading = self._histogram("alpr_pipeline_reading_seconds", "One batch of the reader.")
        originals = (
            *(self._processed, self._skipped, self._vehicles, self._plates, self._reads, self._events),
            *(self._fps, self._tracks, self._processing, self._detection, self._reading),
        )
        self.registry.register(_Aliases(originals))

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, _LABELS, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, _LABELS, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, _LABELS, registry=self.registry, buckets=_BUCKETS)

    def processed(self, camera: str, *, plates: int, detection_s: float) -> None:
        """A frame went through the detector."""
        self._processed.labels(camera).inc()
        self._plates.labels(camera).inc(plates)
        self._detection.labels(camera).observe(detection_s)

    def read(self, camera: str, *, views: int, reading_s: float) -> None:
        """Views of a frame were read."""
        self._reads.labels(camera).inc(views)
        self._reading.labels(camera).observe(reading_s)

    def settled(self, camera: str, *, processing_s: float, tracks: int) -> None:
        """A frame is through."""
        self._processing.labels(camera).observe(processing_s)
        self._tracks.labels(camera).set(tracks)

    def skipped(self, camera: str, frames: int = 1) -> None:
        """Frames were left out."""
        self._skipped.labels(camera).inc(frames)

    def published(self, camera: str, kind: str) -> None:
        """An event is durable."""
        self._events.labels(camera).inc()
        if kind == "vehicle":
            self._vehicles.labels(camera).inc()

    def fps(self, camera: str, fps: float) -> None:
        """Decoded frames a second."""
        self._fps.labels(camera).set(fps)

    def serve(self, host: str, port: int) -> str | None:
        """Serve /metrics; None, or what is wrong. The pipeline goes on without."""
        try:
            start_http_server(port, host, self.registry)
        except OSError as e:
            return f"metrics: {host}:{port} cannot be used ({e.strerror}); set metrics_port to a free port, or to 0"
        log.info("metrics_served", host=host, port=port)
        return None


class _Aliases(Collector):
    """The same samples under the names that old dashboards ask for."""

    def __init__(self, originals: tuple[Collector, ...]) -> None:
        self._originals = originals

    def collect(self) -> Iterator[Metric]:
        for original in self._originals:
            for metric in original.collect():
                if (old := OLD_NAMES.get(metric.name)) is not None:
                    yield _renamed(metric, old)


def _renamed(metric: Metric, name: str) -> Metric:
    copy = Metric(name, f"Alias of {metric.name}.", metric.type)
    copy.samples = [sample._replace(name=sample.name.replace(metric.name, name, 1)) for sample in metric.samples]
    return copy
