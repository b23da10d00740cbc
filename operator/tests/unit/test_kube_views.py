"""Rows and tables of `kubectl alpr`: functions of plain objects."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_operator.kube import cameras, nodes, sites, tables
from alpr_operator.kube.fleet import Fleet, Turn, ago, moment, reported_at
from alpr_testing import plain_objects as plain

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def text(sheet: tables.Sheet) -> list[list[str]]:
    return [[cell.text for cell in line] for line in sheet.lines]


def column(sheet: tables.Sheet, heading: str) -> list[tables.Cell]:
    return [line[sheet.headings.index(heading)] for line in sheet.lines]


# --- status


def test_site_row_counts() -> None:
    row = sites.site_rows([plain.site()])[0]
    assert (row.namespace, row.name, row.ready.status) == ("north", "north", "True")
    assert (row.cameras, row.assigned, row.streaming, row.units_used, row.units) == (3, 3, 3, 9, 32)
    sheet = sites.sheet([row], namespaces=True, wide=True)
    assert text(sheet)[0][:7] == ["north", "north", "True", "3/3", "3/3", "2/2", "9/32"]
    assert all(len(line) == len(sheet.headings) for line in sheet.lines)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (plain.site(), ("True", "good")),
        (plain.site(annotations={"ovr-alpr.io/paused": "true"}), ("Paused", "wait")),
        (plain.site(paused=True), ("Paused", "wait")),
        (plain.site(status={"conditions": []}), ("NotSeen", "bad")),
        (plain.site(status={"conditions": [plain.turn("Ready", "False", "NoAccess")]}), ("NoAccess", "bad")),
        (plain.site(status={"conditions": [plain.turn("Ready", "Unknown", "Paused")]}), ("Paused", "wait")),
    ],
)
def test_site_says_the_one_thing_to_know(found: plain.Object, told: tuple[str, str]) -> None:
    cell = column(sites.sheet(sites.site_rows([found]), namespaces=False, wide=False), "READY")[0]
    assert (cell.text, cell.tone) == told


def test_rollout_is_a_bar() -> None:
    rolling = {"phase": "Progressing", "updated": 5, "total": 20, "step": 1}
    rows = sites.site_rows(
        [plain.site(status={"rollout": rolling}, rollout={"steps": [{"nodes": 1}, {"percent": 50}, {}]})]
    )
    assert column(sites.sheet(rows, namespaces=False, wide=False), "ROLLOUT")[0].text == "▓▓░░░░░░░░ 5/20 step 2/3"


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (None, "-"),
        ({"phase": "Idle", "updated": 20, "total": 20}, "-"),
        ({"phase": "RolledBack", "updated": 3, "total": 20}, "RolledBack"),
        ({"phase": "Waiting", "updated": 17, "total": 20}, "▓▓▓▓▓▓▓▓░░ 17/20 step 1/4 (waits)"),
    ],
)
def test_rollout_phases(state: dict[str, object] | None, shown: str) -> None:
    rows = sites.site_rows([plain.site(status={"rollout": state} if state else {})])
    assert column(sites.sheet(rows, namespaces=False, wide=False), "ROLLOUT")[0].text == shown


def test_single_site_tells_all_conditions_with_their_age() -> None:
    lines = sites.sentences(sites.site_rows([plain.site()]), NOW)
    assert "Ready is True for 2h (Ready)" in [line.text for line in lines]
    assert next(line.tone for line in lines if line.text.startswith("Ready")) == "good"
    assert next(line.tone for line in lines if line.text.startswith("Stalled")) == "plain"


def test_of_several_sites_only_what_is_wrong_is_told() -> None:
    wrong = plain.site("south", status={"conditions": [plain.turn("Ready", "False", "NoNodes", "label one")]})
    lines = sites.sentences(sites.site_rows([plain.site(), wrong]), NOW)
    assert [line.text for line in lines] == ["south: label one"]


def test_operator_that_lags_is_named() -> None:
    behind = plain.site(status={"observedGeneration": 0})
    assert "has not taken up the last change" in sites.sentences(sites.site_rows([behind]), NOW)[0].text


# --- cameras


@pytest.mark.parametrize(
    ("found", "state", "tone"),
    [
        (plain.camera(), "Streaming", "good"),
        (plain.camera(enabled=False), "Disabled", "dim"),
        (plain.camera(annotations={"ovr-alpr.io/quarantine": "true"}), "Disabled", "dim"),
        (
            plain.camera(conditions=[plain.turn("Assigned", "False", "InsufficientCapacity")]),
            "InsufficientCapacity",
            "bad",
        ),
        (plain.camera(conditions=[plain.turn("Assigned", "False", "Releasing")]), "Releasing", "wait"),
        (
            plain.camera(
                conditions=[plain.turn("Assigned", "True"), plain.turn("CredentialsValid", "False", "AuthFailed")]
            ),
            "AuthFailed",
            "bad",
        ),
        (
            plain.camera(
                conditions=[plain.turn("Assigned", "True"), plain.turn("Streaming", "Unknown", "NodeOffline")]
            ),
            "NodeOffline",
            "wait",
        ),
        (
            plain.camera(conditions=[plain.turn("Assigned", "True"), plain.turn("Streaming", "False", "Connecting")]),
            "Connecting",
            "wait",
        ),
        ({**plain.camera(), "status": {}}, "-", "dim"),
    ],
)
def test_camera_state_is_the_first_thing_that_is_not_right(found: plain.Object, state: str, tone: str) -> None:
    sheet = cameras.sheet(cameras.camera_rows([found]), NOW, namespaces=False, wide=False)
    cell = column(sheet, "STATE")[0]
    assert (cell.text, cell.tone) == (state, tone)


def test_camera_filters() -> None:
    dark = plain.camera("dark", node="edge-2", conditions=[plain.turn("Streaming", "False", "Failed")])
    off = plain.camera("off", node=None, enabled=False, conditions=[plain.turn("Assigned", "False", "Disabled")])
    found = [plain.camera("fine"), dark, off, plain.camera("far", of="south")]
    assert [row.name for row in cameras.camera_rows(found, not_streaming=True)] == ["dark"]
    assert [row.name for row in cameras.camera_rows(found, node="edge-2")] == ["dark"]
    assert [row.name for row in cameras.camera_rows(found, site="south")] == ["far"]
    assert len(cameras.camera_rows(found)) == 4


def test_pinned_camera_says_so() -> None:
    rows = cameras.camera_rows([plain.camera(placement={"nodeName": "edge-1"})])
    assert column(cameras.sheet(rows, NOW, namespaces=False, wide=False), "NODE")[0].text == "edge-1 (pinned)"


# --- nodes


def classed(_: object, labels: dict[str, str]) -> tuple[str, int, bool] | None:
    name = labels.get("ovr-alpr.io/node-class")
    return (name, 8, name != "fixed") if name else None


def rows_of(*objects: plain.Object, hidden: bool = False) -> list[nodes.NodeRow]:
    return nodes.node_rows(Fleet.of([plain.site(), *objects], nodes_hidden=hidden), classed)


def test_node_row_says_units_and_revision() -> None:
    row = rows_of(plain.node(), plain.assignment("edge-1", "gate-1"), plain.report(revision=3), plain.camera())[0]
    assert (row.node_class, row.ready, row.cameras, row.units, row.units_used) == ("cpu", "Ready", 1, 8, 3)
    sheet = nodes.sheet([row], NOW, namespaces=True, wide=True)
    assert column(sheet, "REVISION")[0] == tables.Cell("3/4", "wait")
    assert column(sheet, "UNITS")[0].text == "3/8"
    assert column(sheet, "REPORTED")[0].text == "2h"


def test_measured_units_win_unless_the_class_fixes_them() -> None:
    measured = plain.report(capacity={"units": 21, "source": "bench"})
    assert rows_of(plain.node(), measured)[0].units == 21
    assert rows_of(plain.node(node_class="fixed"), measured)[0].units == 8


def test_nodes_of_another_site_are_not_ours() -> None:
    assert [row.name for row in rows_of(plain.node(), plain.node("far", of="south"))] == ["edge-1"]


def test_site_with_its_own_selector() -> None:
    chosen = plain.site(edge={"nodeSelector": {"rack": "a"}})
    fleet = Fleet.of([chosen, plain.node("mine", of=None, rack="a"), plain.node("theirs")])
    assert [row.name for row in nodes.node_rows(fleet, classed)] == ["mine"]


def test_node_that_is_gone_keeps_its_line_while_cameras_are_assigned() -> None:
    row = rows_of(plain.assignment("lost", "gate-1"))[0]
    assert row.ready == "Gone"
    assert rows_of(plain.assignment("lost", "gate-1"), hidden=True)[0].ready == "?"


def test_report_of_another_machine_of_that_name_is_called_so() -> None:
    row = rows_of(plain.node(), plain.assignment("edge-1"), plain.report(nodeUid="another"))[0]
    assert column(nodes.sheet([row], NOW, namespaces=False, wide=False), "REPORTED")[0].tone == "bad"


def test_node_away_says_since_when_and_one_that_is_drained_says_so() -> None:
    away, drained = rows_of(plain.node("a", ready=False), plain.node("b", **{"ovr-alpr.io/drain": "true"}))
    shown = [cell.text for cell in column(nodes.sheet([away, drained], NOW, namespaces=False, wide=False), "READY")]
    assert shown == ["NotReady 2h", "Draining"]


# --- what all share


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (7199, "119m"),
        (7200, "2h"),
        (12000, "3h20m"),
        (90000, "1d1h"),
        (400000, "4d"),
    ],
)
def test_ages_read_as_kubectl_writes_them(seconds: int, shown: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == shown


def test_unknown_age_is_a_dash_and_clocks_that_differ_do_no_harm() -> None:
    assert ago(None, NOW) == "-"
    assert ago(NOW + timedelta(minutes=5), NOW) == "0s"


def test_report_time_is_the_agents_own_write() -> None:
    found = plain.report(at="2026-03-01T09:30:00Z")
    found["metadata"]["managedFields"].append({"manager": "somebody", "time": "2026-03-01T09:59:00Z"})
    assert reported_at(found) == moment("2026-03-01T09:30:00Z")
    assert reported_at(None) is None


@given(st.integers(0, 500), st.integers(0, 500))
def test_bar_is_always_as_wide(done: int, total: int) -> None:
    assert len(tables.bar(min(done, total), total)) == 10


def test_json_is_for_programs() -> None:
    told = json.loads(tables.as_json(sites.site_rows([plain.site()])))[0]
    assert told["ready"] == {"status": "True", "reason": "Ready", "message": "", "since": "2026-03-01T08:00:00+00:00"}
    with pytest.raises(TypeError):
        tables.as_json(object)


def test_text_of_others_neither_colours_nor_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "[bold red]\x1b[2J\x07label"
    drawn = tables.drawn(tables.Sheet(("A",), ((tables.Cell(nasty),),)), [tables.Sentence(nasty)])
    assert "\x1b" not in drawn
    assert "\x07" not in drawn
    assert "[bold red]" in drawn


def test_nobody_looks_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = "x" * 500
    assert long in tables.drawn(tables.Sheet(("A", "B"), ((tables.Cell("a"), tables.Cell(long)),)))


def test_condition_that_nobody_said_is_empty() -> None:
    assert cameras.camera_rows([{"metadata": {"name": "a"}}])[0].assigned == Turn()


def test_fleet_of_ten_thousand_cameras_is_shown_in_a_moment() -> None:
    sites_made = [plain.site(f"s{i}") for i in range(250)]
    nodes_made = [plain.node(f"n{i}", of=f"s{i % 250}") for i in range(625)]
    assigned = [plain.assignment(f"n{i}", of=f"s{i % 250}") for i in range(625)]
    cameras_made = [plain.camera(f"c{i}", of=f"s{i % 625 % 250}", node=f"n{i % 625}") for i in range(10_000)]
    started = time.process_time()
    rows = nodes.node_rows(Fleet.of([*sites_made, *nodes_made, *assigned, *cameras_made]), classed)
    assert len(rows) == 625
    assert sum(row.units_used for row in rows) == 30_000
    assert time.process_time() - started < 3
