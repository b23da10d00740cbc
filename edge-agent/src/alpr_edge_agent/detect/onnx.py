"""The detector on ONNX Runtime: any machine, one thread by default."""

from __future__ import annotations

from collections.abc import Sequence

from alpr_edge_agent.detect import Detections, DetectorSettings
from alpr_edge_agent.detect.yolo import batches, detections, network_input
from alpr_edge_agent.frames import BgrImage
from alpr_edge_agent.models import find_model
from alpr_edge_agent.runtime import open_session


class OnnxDetector:
    """A YOLOv8 network on the CPU. Safe to call from several threads."""

    def __init__(self, settings: DetectorSettings) -> None:
        file = find_model(settings.model, "detector", settings.models_dir)
        self.digest = file.digest
        self._settings = settings
        self._margin = settings.margin or (file.known.margin if file.known else (0.0, 0.0))
        self._session = open_session(file.path, settings.threads)
        self._input = self._session.get_inputs()[0].name

    def detect(self, images: Sequence[BgrImage]) -> list[Detections]:
        """Plates of each picture, in the order of `images`; pictures may differ in size. Blocks."""
        found: dict[int, Detections] = {}
        for indices, boxes in batches(images, self._settings.input_size, self._settings.max_batch):
            pictures = [images[index] for index in indices]
            output = self._session.run(None, {self._input: network_input(pictures, boxes)})[0]
            for index, picture, box, part in zip(indices, pictures, boxes, output, strict=True):
                found[index] = detections(part, box, picture, self._settings, self._margin)
        return [found[index] for index in range(len(images))]
