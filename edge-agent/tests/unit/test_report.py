from datetime import UTC, datetime

from alpr_edge_agent.agent.report import report_of, same_facts
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
