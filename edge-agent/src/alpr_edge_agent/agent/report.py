"""From what the pipeline says to the EdgeReport: pure."""

from __future__ import annotations

from datetime import datetime

from alpr_edge_agent.pipeline.status import PipelineStatus
from alpr_schemas.resources import (
    CameraState,
    Condition,
    EdgeAssignment,
    EdgeReport,
    Metadata,
    ReportedCamera,
    ReportStatus,
)


def report_of(assignment: EdgeAssignment, pipeline: PipelineStatus | None, now: datetime) -> EdgeReport:
    """What the node says of itself: a line for each assigned camera, in the assignment's order.

    A camera that the pipeline has not named yet is Connecting; without a pipeline each is Failed.
    """
    told = {camera.name: camera for camera in pipeline.cameras} if pipeline else {}
    cameras = []
    for camera in assignment.spec.cameras:
        seen = told.get(camera.name)
        if seen is not None:
            cameras.append(ReportedCamera(name=camera.name, state=seen.state, reason=seen.reason, since=seen.since))
        else:
            cameras.append(_untold(camera.name, running=pipeline is not None, now=now))
    status = ReportStatus(
        applied_revision=pipeline.applied_revision if pipeline else 0,
        applied_models=assignment.spec.models,
        cameras=tuple(cameras),
        conditions=(_pipeline_condition(running=pipeline is not None),),
    )
    return EdgeReport(metadata=Metadata(name=assignment.spec.node_name), status=status)


def _untold(name: str, *, running: bool, now: datetime) -> ReportedCamera:
    if running:
        return ReportedCamera(name=name, state=CameraState.CONNECTING, reason="not opened yet", since=now)
    return ReportedCamera(name=name, state=CameraState.FAILED, reason="the pipeline is not running", since=now)


def _pipeline_condition(*, running: bool) -> Condition:
    return Condition(
        type="PipelineRunning",
        status="True" if running else "False",
        reason="Running" if running else "NotRunning",
    )


def same_facts(one: EdgeReport, other: EdgeReport | None) -> bool:
    """Whether two reports differ in nothing but moments: then nothing needs writing."""
    return other is not None and _facts(one) == _facts(other)


def _facts(report: EdgeReport) -> list[object]:
    status = report.status
    return [
        status.applied_revision,
        status.applied_models,
        [(c.name, c.state, c.reason) for c in status.cameras],
        [(c.type, c.status, c.reason) for c in status.conditions],
    ]
