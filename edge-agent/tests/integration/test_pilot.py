"""The old command line over the whole pipeline, with a reader of colours."""

from __future__ import annotations

import csv
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from alpr_edge_agent.errors import OutputError
from alpr_edge_agent.pilot import PilotOptions, pilot, pilot_assignment, pilot_settings, run_pilot
from alpr_edge_agent.pilot.window import grid
from alpr_schemas.import_cameras import import_cameras
from alpr_testing import coloured

pytestmark = pytest.mark.integration


@pytest.fixture
def config(tmp_path: Path, clip: Path) -> Path:
    path = tmp_path / "cameras.yaml"
    path.write_text(f"cameras:\n  - {{id: CAM_01, name: Gate, source: {clip}, fps: 15, resolution: [640, 360]}}\n")
    return path


def options(config: Path, **more: Any) -> PilotOptions:
    return PilotOptions(**{"config": config, "output": config.parent / "output", "metrics_port": 0, **more})


def test_plates_are_printed_and_saved(config: Path, station: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pilot(options(config, save_output=True), threading.Event(), station.backends) == 0
    assert [line.split()[1:3] for line in capsys.readouterr().out.splitlines() if "cam-01  " in line] == [
        ["cam-01", "RED111"],
        ["cam-01", "GRN222"],
    ]
    output = config.parent / "output"
    with next(output.glob("plate_reads_*.csv")).open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["Camera_ID"], row["Plate_Text"]) for row in rows] == [("cam-01", "RED111"), ("cam-01", "GRN222")]
    assert list(output.glob("cam-01_*.jpg"))


def test_no_ocr_follows_without_reading(config: Path, station: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pilot(options(config, enable_ocr=False), threading.Event(), station.backends) == 0
    station.folder = config.parent / "output" / "edge"
    assert station.plates() == []
    assert len(station.vehicles()) == 2


def test_no_tracking_reads_every_frame_by_itself(config: Path, station: Any) -> None:
    chosen = options(config, enable_tracking=False, adaptive_sampling=False)
    assert run_pilot(chosen, threading.Event(), station.backends) == 0
    station.folder = config.parent / "output" / "edge"
    assert len(station.plates()) > 20
    assert station.vehicles() == []


def test_frame_skip_counts_each_cameras_frames(config: Path, station: Any) -> None:
    run_pilot(options(config, frame_skip=3, adaptive_sampling=False), threading.Event(), station.backends)
    station.folder = config.parent / "output" / "edge"
    assert station.camera("cam-01").analysed == 15


def test_window_makes_clips_play_at_their_own_speed(config: Path) -> None:
    imported = import_cameras(config, "pilot")
    shown = pilot_assignment(imported, options(config, display=True)).spec.cameras[0].config
    plain = pilot_assignment(imported, options(config, frame_skip=2)).spec.cameras[0].config
    assert (shown.source.realtime, plain.source.realtime) == (True, False)
    assert plain.analytics.frame_skip == 2


def test_tensorrt_and_model_reach_the_detector(config: Path) -> None:
    settings = pilot_settings(options(config, use_tensorrt=True, plate_model="x.engine"), once=True)
    assert (settings.detector.backend, settings.detector.model) == ("tensorrt", "x.engine")


@pytest.mark.skipif(bool(os.environ.get("DISPLAY")), reason="there is a screen")
def test_window_without_a_screen_says_so(config: Path, station: Any) -> None:
    with pytest.raises(OutputError, match="--display"):
        run_pilot(options(config, display=True), threading.Event(), station.backends)


def test_every_old_flag_is_taken(tmp_path: Path) -> None:
    flags = "--no-display --save-output --no-ocr --no-tracking --skip-frames 2 --no-adaptive-sampling --no-tensorrt"
    result = CliRunner().invoke(pilot, [*flags.split(), "--config", str(tmp_path / "none.yaml")])
    assert "no such file" in result.output
    assert result.exit_code == 1
    newer = "--display --enable-ocr --enable-tracking --frame-skip 1 --use-tensorrt --debug --model yolo.pt"
    result = CliRunner().invoke(pilot, [*newer.split(), "--config", str(tmp_path / "none.yaml")])
    assert "--model is not needed" in result.output
    assert "no such file" in result.output


def test_login_in_an_old_address_goes_to_the_secret_file_alone(tmp_path: Path, station: Any) -> None:
    config = tmp_path / "cameras.yaml"
    config.write_text("cameras:\n  - {id: a, source: 'rtsp://admin:hunter2@127.0.0.1:9/x'}\n")
    stop = threading.Event()
    stop.set()
    run_pilot(options(config), stop, station.backends)
    edge = tmp_path / "output" / "edge"
    assert json.loads((edge / "credentials.json").read_text()) == {"a": {"username": "admin", "password": "hunter2"}}
    assert (edge / "credentials.json").stat().st_mode & 0o077 == 0
    assert "hunter2" not in (edge / "assignment.json").read_text()


def test_grid_is_as_square_as_it_goes() -> None:
    tile = coloured.picture(0, [])
    assert [grid([tile] * n).shape[:2] for n in (1, 2, 3, 5)] == [(360, 640), (360, 1280), (720, 1280), (720, 1920)]
    assert int(np.asarray(grid([tile] * 3))[700, 1200].max()) == 0
