"""From what the pipeline says and the agent knows to the EdgeReport: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alpr_edge_agent.agent.intake import withdrawn
from alpr_edge_agent.pipeline.status import PipelineStatus
from alpr_schemas.resources import (
    AssignedModels,
    CameraState,
    Capacity,
    Condition,
    EdgeAssignment,
    EdgeReport,
    ReportedCamera,
    ReportedGates,
    ReportStatus,
)

_NEED_NO_LOGIN = {CameraState.STREAMING, CameraState.DISABLED, CameraState.QUARANTINED, CameraState.ENDED}


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the agent knows of its node beside the pipeline; standalone has none of it.

    Attributes:
        login_problems: by camera, why there is no user and password for it although it needs one.
    """

    agent_version: str | None = None
    sealing_key: str | None = None
    capacity: Capacity | None = None
    gates: ReportedGates | None = None
    conditions: tuple[Condition, ...] = ()
    login_problems: Mapping[str, str] = field(default_factory=dict)


def report_of(
    assignment: EdgeAssignment, pipeline: PipelineStatus | None, now: datetime, facts: NodeFacts = NodeFacts()
) -> EdgeReport:
    """What the node says of itself: a line for each assigned camera, in the assignment's order.

    A camera that the pipeline has not named yet is Connecting; without a pipeline each is Failed.
    """
    applied = pipeline.applied_revision if pipeline and not withdrawn(assignment) else 0
    status = ReportStatus(
        applied_revision=applied,
        node_uid=assignment.spec.node_uid,
        applied_models=pipeline.models if pipeline else AssignedModels(),
        agent_version=facts.agent_version,
        sealing_key=facts.sealing_key,
        gates=facts.gates,
        capacity=facts.capacity,
        cameras=_cameras(assignment, pipeline, now, facts.login_problems),
        conditions=(_pipeline_condition(running=pipeline is not None), *facts.conditions),
    )
    return _report(assignment.spec.node_name, status)


def first_report(node: str, pipeline: PipelineStatus | None, facts: NodeFacts) -> EdgeReport:
    """What a node says that was never assigned anything: its key and its capacity are what it will be planned with."""
    status = ReportStatus(
        applied_models=pipeline.models if pipeline else AssignedModels(),
        agent_version=facts.agent_version,
        sealing_key=facts.sealing_key,
        capacity=facts.capacity,
        conditions=(_pipeline_condition(running=pipeline is not None), *facts.conditions),
    )
    return _report(node, status)


def _report(node: str, status: ReportStatus) -> EdgeReport:
    return EdgeReport.model_validate({"metadata": {"name": node}, "status": status})


def _cameras(
    assignment: EdgeAssignment, pipeline: PipelineStatus | None, now: datetime, login_problems: Mapping[str, str]
) -> tuple[ReportedCamera, ...]:
    told = {camera.name: camera for camera in pipeline.cameras} if pipeline else {}
    cameras = []
    for camera in assignment.spec.cameras:
        seen, problem = told.get(camera.name), login_problems.get(camera.name)
        if seen is None:
            cameras.append(_untold(camera.name, running=pipeline is not None, now=now))
        elif problem and seen.state not in _NEED_NO_LOGIN:
            cameras.append(
                ReportedCamera(name=camera.name, state=CameraState.AUTH_FAILED, reason=problem, since=seen.since)
            )
        else:
            cameras.append(ReportedCamera(name=camera.name, state=seen.state, reason=seen.reason, since=seen.since))
    return tuple(cameras)


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


def aged(report: EdgeReport, before: EdgeReport | None, now: datetime) -> EdgeReport:
    """`report` with the moments of `before` where the facts beside them did not change; conditions all have one."""
    cameras = {(c.name, c.state): c.since for c in before.status.cameras} if before else {}
    conditions = {(c.type, c.status): c.last_transition_time for c in before.status.conditions} if before else {}
    status = report.status.model_copy(
        update={
            "cameras": tuple(
                c.model_copy(update={"since": cameras.get((c.name, c.state), c.since)}) for c in report.status.cameras
            ),
            "conditions": tuple(
                c.model_copy(update={"last_transition_time": conditions.get((c.type, c.status)) or now})
                for c in report.status.conditions
            ),
        }
    )
    return report.model_copy(update={"status": status})


def same_facts(one: EdgeReport, other: EdgeReport | None) -> bool:
    """Whether two reports differ in nothing but moments: then nothing needs writing."""
    return other is not None and _facts(one) == _facts(other)


def _facts(report: EdgeReport) -> ReportStatus:
    """The status without its moments."""
    status = report.status
    timeless = {
        "cameras": tuple((c.name, c.state, c.reason) for c in status.cameras),
        "conditions": tuple(c.model_copy(update={"last_transition_time": None}) for c in status.conditions),
    }
    return status.model_copy(update=timeless)
