"""The played agent: what it serves and says in each behaviour, and at whose pace."""

from __future__ import annotations

import math
from typing import Any

import pytest

from alpr_schemas.resources import EdgeAssignment, EdgeReport
from alpr_testing.played_agent import Behaviour, PlayedAgent
from alpr_testing.served import Span

_DIGEST = "sha256:" + "0" * 64


def _spec(revision: int, *cameras: str, epoch: int = 1, **more: Any) -> dict[str, Any]:
    source = {"protocol": "rtsp", "url": "rtsp://192.0.2.1/one"}
    told = [{"name": name, "uid": f"uid-{name}", "epoch": epoch, "config": {"source": source}} for name in cameras]
    return {"nodeName": "n", "nodeUid": "u", "site": "s", "revision": revision, "cameras": told, **more}


@pytest.fixture
def spans() -> list[Span]:
    return []


@pytest.fixture
def agent(spans: list[Span]) -> PlayedAgent:
    return PlayedAgent("s", "n", tell=spans.append)


def test_what_it_is_given_and_says_holds_by_the_models(agent: PlayedAgent) -> None:
    models = {"detector": {"name": "d", "url": "https://example.com/d", "digest": _DIGEST}}
    spec = _spec(3, "a", "b", models=models)
    EdgeAssignment.model_validate({"metadata": {"name": "n", "namespace": "s"}, "spec": spec})
    agent.hears(spec, 0)
    well = Behaviour(units=7, sealing_key="a" * 44, gates={"fpsRatio": 0.5}, states={"b": ("AuthFailed", "wrong")})
    agent.behaves(well, 0)
    told = EdgeReport.model_validate({**agent.head(), "status": agent.status()}).status
    assert told.applied_revision == 3
    assert told.node_uid == "u"
    assert told.applied_models.detector is not None
    assert told.applied_models.detector.digest == _DIGEST
    assert [(one.name, one.state) for one in told.cameras] == [("a", "Streaming"), ("b", "AuthFailed")]
    assert told.capacity is not None
    assert told.capacity.units == 7
    assert told.gates is not None
    assert told.gates.fps_ratio == 0.5


def test_its_report_belongs_to_the_node(agent: PlayedAgent) -> None:
    agent.hears(_spec(1), 0)
    assert agent.head()["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}
    ]


def test_it_says_nothing_before_it_is_assigned_anything(agent: PlayedAgent) -> None:
    assert agent.due_s() == math.inf
    agent.hears(None, 0)
    assert agent.due_s() == math.inf


def test_one_that_knows_its_capacity_says_so_at_once(agent: PlayedAgent) -> None:
    agent.behaves(Behaviour(units=7), 100)
    assert 101 < agent.due_s() < 103
    assert agent.status()["capacity"] == {"units": 7, "source": "bench"}


def test_changes_are_told_together_and_reports_are_ten_seconds_apart(agent: PlayedAgent) -> None:
    agent.hears(_spec(1, "a"), 100)
    due = agent.due_s()
    assert 101.6 <= due <= 102.4
    agent.hears(_spec(2, "a", "b"), 101)
    assert agent.due_s() == due
    agent.wrote(102)
    agent.hears(_spec(3, "a"), 103)
    assert agent.due_s() == 112
    agent.wrote(112)
    assert 112 < agent.due_s() <= 412
    agent.wrote(300)
    assert 540 <= agent.due_s() <= 660


def test_the_assignment_says_how_often_it_reports(agent: PlayedAgent) -> None:
    agent.hears(_spec(1, "a", reportRefresh="10s"), 0)
    agent.wrote(2)
    agent.wrote(10)
    assert 18 <= agent.due_s() <= 22


def test_what_could_not_be_written_is_tried_again_soon(agent: PlayedAgent) -> None:
    agent.hears(_spec(1, "a"), 0)
    agent.wrote(2)
    agent.failed(2, None)
    assert 2.5 <= agent.due_s() <= 4.5
    agent.failed(2, 30)
    assert agent.due_s() == 32


def test_spans_end_where_cameras_leave_or_their_epoch_rises(agent: PlayedAgent, spans: list[Span]) -> None:
    agent.hears(_spec(1, "a", "b"), 10)
    agent.hears(_spec(2, "a"), 20)
    agent.hears(_spec(3, "a", epoch=2), 30)
    agent.ends(40)
    assert spans == [
        Span("n", "b", "uid-b", 1, 10, 20),
        Span("n", "a", "uid-a", 1, 10, 30),
        Span("n", "a", "uid-a", 2, 30, 40),
    ]


def test_an_offline_agent_serves_on_and_hears_everything_later(agent: PlayedAgent, spans: list[Span]) -> None:
    agent.hears(_spec(1, "a"), 10)
    agent.behaves(Behaviour(offline=True), 20)
    agent.hears(_spec(2), 30)
    agent.fenced(10_000)
    assert agent.due_s() == math.inf
    assert spans == []
    agent.behaves(Behaviour(), 10_001)
    assert spans == [Span("n", "a", "uid-a", 1, 10, 10_001)]
    assert agent.status()["appliedRevision"] == 2
    assert agent.due_s() < 10_004


def test_an_offline_agent_is_fenced_when_its_assignment_says_so(agent: PlayedAgent, spans: list[Span]) -> None:
    agent.hears(_spec(1, "a", fenceAfter="1m"), 10)
    agent.behaves(Behaviour(offline=True), 20)
    agent.fenced(79)
    assert spans == []
    agent.fenced(80)
    assert spans == [Span("n", "a", "uid-a", 1, 10, 80)]
    agent.behaves(Behaviour(), 90)
    agent.ends(95)
    assert spans[1] == Span("n", "a", "uid-a", 1, 90, 95)


def test_a_stuck_agent_acknowledges_nothing_and_lets_nothing_go(agent: PlayedAgent, spans: list[Span]) -> None:
    agent.hears(_spec(1, "a"), 10)
    agent.behaves(Behaviour(stuck=True), 20)
    agent.hears(_spec(2, "b"), 30)
    assert agent.status()["appliedRevision"] == 1
    assert [one["name"] for one in agent.status()["cameras"]] == ["a"]
    assert spans == []


def test_models_are_kept_where_it_shall_keep_them(agent: PlayedAgent) -> None:
    old, new = ({"reader": {"name": "r", "digest": digit * 3, "url": "file:///r"}} for digit in "12")
    agent.hears(_spec(1, models=old), 0)
    agent.behaves(Behaviour(keeps_models=True), 1)
    agent.hears(_spec(2, models=new), 2)
    assert agent.status()["appliedRevision"] == 2
    assert agent.status()["appliedModels"] == old
    agent.behaves(Behaviour(), 3)
    assert agent.status()["appliedModels"] == new


def test_equal_facts_are_equal_bytes(agent: PlayedAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.hears(_spec(1, "a"), 0)
    before = agent.status()
    agent._states["a"] = (*agent._states["a"][:2], "2026-01-01T00:00:00Z")
    assert agent.status()["cameras"][0]["since"] == "2026-01-01T00:00:00Z"
    agent.behaves(Behaviour(states={"a": ("Failed", "gone")}), 5)
    assert agent.status()["cameras"][0]["since"] != "2026-01-01T00:00:00Z"
    assert before["cameras"][0]["state"] == "Streaming"
