import json
import os
from datetime import UTC, datetime

import pytest

from alpr_query_api.health import FileHealth

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def files(tmp_path):
    return tmp_path / "status.json", tmp_path / "report.json"


def write_status(path, *names, age_s=0.0):
    cameras = [{"name": name, "state": "Streaming", "since": NOW.isoformat(), "fps": 15.0} for name in names]
    path.write_text(json.dumps({"updated_at": NOW.isoformat(), "cameras": cameras, "problems": ["disk is full"]}))
    os.utime(path, (1000 - age_s, 1000 - age_s))


def write_report(path, **states):
    cameras = [{"name": name, "state": state, "since": NOW.isoformat()} for name, state in states.items()]
    report = {
        "apiVersion": "ovr-alpr.io/v1alpha1", "kind": "EdgeReport", "metadata": {"name": "node"},
        "status": {"cameras": cameras},
    }  # fmt: skip
    path.write_text(json.dumps(report))


def read(files):
    return FileHealth(*files, wall_clock=lambda: 1000.0).read()


def test_figures_come_from_the_pipeline_and_missing_cameras_from_the_report(files):
    write_status(files[0], "gate")
    write_report(files[1], gate="Failed", yard="AuthFailed")
    health = read(files)
    assert [(c.name, c.state, c.fps) for c in health.cameras] == [
        ("gate", "Streaming", 15.0), ("yard", "AuthFailed", None),
    ]  # fmt: skip
    assert (health.count, health.problems) == (2, ("disk is full",))


def test_a_silent_pipeline_is_stale(files):
    write_status(files[0], "gate", age_s=31)
    assert [c.stale for c in read(files).cameras] == [True]


def test_without_files_or_with_broken_ones_there_are_no_cameras(files):
    assert read(files).cameras == ()
    files[0].write_text("{")
    files[1].write_text("[]")
    assert read(files).cameras == ()
    assert FileHealth(None, None).read().count == 0
