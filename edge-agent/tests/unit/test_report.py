import errno
import threading
from datetime import UTC, datetime

from alpr_edge_agent.agent import run
from alpr_edge_agent.agent.report import report_of, same_facts
from alpr_edge_agent.assignment import write_assignment
from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.status import CameraHealth, PipelineStatus
from alpr_schemas.resources import (
    AssignedCamera,
    AssignmentSpec,
    CameraConfig,
    CameraState,
    EdgeAssignment,
    EdgeReport,
    Metadata,
    Protocol,
    Source,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)
CONFIG = CameraConfig(source=Source(protocol=Protocol.USB, url="usb:///dev/video0"))
ASSIGNMENT = EdgeAssignment(
    metadata=Metadata(name="n"),
    spec=AssignmentSpec(
        node_name="n", site="s", cameras=tuple(AssignedCamera(name=name, config=CONFIG) for name in ("a", "b"))
    ),
)


def told(state=CameraState.STREAMING):
    camera = CameraHealth(name="a", state=state, reason="fine", since=NOW)
    return PipelineStatus(applied_revision=4, updated_at=NOW, cameras=(camera,))


def test_every_assigned_camera_has_a_line():
    status = report_of(ASSIGNMENT, told(), NOW).status
    assert [(c.name, c.state) for c in status.cameras] == [("a", CameraState.STREAMING), ("b", CameraState.CONNECTING)]
    assert status.applied_revision == 4


def test_without_a_pipeline_no_camera_is_well():
    status = report_of(ASSIGNMENT, None, NOW).status
    assert {c.state for c in status.cameras} == {CameraState.FAILED}
    assert status.conditions[0].status == "False"


def test_only_facts_make_a_report_new():
    first = report_of(ASSIGNMENT, told(), NOW)
    assert same_facts(report_of(ASSIGNMENT, told(), LATER), first)
    assert not same_facts(report_of(ASSIGNMENT, told(CameraState.FAILED), NOW), first)
    assert not same_facts(first, None)
    assert EdgeReport.model_validate(first.wire()) == first


def test_a_report_that_cannot_be_written_is_written_later(tmp_path, monkeypatch):
    folder, stop = EdgeFolder(tmp_path), threading.Event()
    write_assignment(folder.assignment, ASSIGNMENT)
    tries = []

    def full_then_free(path, data):
        tries.append(path)
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_durably(path, data)
        stop.set()

    monkeypatch.setattr(run, "write_durably", full_then_free)
    run.keep_report(folder, stop)
    assert tries == [folder.report, folder.report]
    assert EdgeReport.model_validate_json(folder.report.read_bytes()).status.cameras[0].name == "a"
