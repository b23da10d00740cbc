from __future__ import annotations

import socket
import urllib.request

from prometheus_client import generate_latest

from alpr_edge_agent.pipeline.metrics import OLD_NAMES, PipelineMetrics


def used() -> PipelineMetrics:
    metrics = PipelineMetrics()
    metrics.processed("cam", plates=2, detection_s=0.04)
    metrics.read("cam", views=2, reading_s=0.02)
    metrics.settled("cam", processing_s=0.08, tracks=1)
    metrics.skipped("cam", 3)
    metrics.published("cam", "plate")
    metrics.published("cam", "vehicle")
    metrics.fps("cam", 14.5)
    return metrics


def test_old_names_show_the_same_figures() -> None:
    lines = generate_latest(used().registry).decode().splitlines()
    for line in (
        'alpr_frames_processed_total{camera_id="cam"} 1.0',
        'alpr_frames_skipped_total{camera_id="cam"} 3.0',
        'alpr_plates_detected_total{camera_id="cam"} 2.0',
        'alpr_vehicles_detected_total{camera_id="cam"} 1.0',
        'alpr_ocr_operations_total{camera_id="cam"} 2.0',
        'alpr_events_published_total{camera_id="cam"} 2.0',
        'alpr_fps{camera_id="cam"} 14.5',
        'alpr_active_tracks{camera_id="cam"} 1.0',
        'alpr_ocr_time_seconds_count{camera_id="cam"} 1.0',
        'alpr_detection_time_seconds_sum{camera_id="cam"} 0.04',
        'alpr_processing_time_seconds_sum{camera_id="cam"} 0.08',
    ):
        assert line in lines
        assert line.replace(*next((old, new) for new, old in OLD_NAMES.items() if line.startswith(old))) in lines


def test_only_label_is_the_camera() -> None:
    labels = {
        name
        for metric in used().registry.collect()
        for sample in metric.samples
        for name in sample.labels
        if name != "le"
    }
    assert labels == {"camera_id"}


def test_busy_port_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = PipelineMetrics().serve("127.0.0.1", taken.getsockname()[1])
    assert wrong is not None
    assert "set metrics_port to a free port" in wrong


def test_metrics_are_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    metrics = used()
    assert metrics.serve("127.0.0.1", port) is None
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"alpr_pipeline_frames_processed_total" in answer.read()
