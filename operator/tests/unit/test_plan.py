"""The planner's rules, one by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alpr_operator.plan import CameraFacts, Held, NodeFacts, Plan, Policy, Released, cost_units, plan

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
SPREAD = Policy(
    spread=True,
    sticky=True,
    reserve_percent=0,
    max_moves_per_minute=30,
    failover_enabled=True,
    failover_after=timedelta(minutes=10),
)
PACK = replace(SPREAD, spread=False)


def camera(name: str, cost: int = 1, **told: object) -> CameraFacts:
    return CameraFacts(name=name, uid=f"uid-{name}", cost=cost, **told)  # type: ignore[arg-type]


def node(name: str, units: int = 10, *, off_for: timedelta | None = None, **told: object) -> NodeFacts:
    since = NOW - off_for if off_for is not None else None
    facts = NodeFacts(name, f"machine-{name}", units, {}, ready=off_for is None, offline_since=since)
    return replace(facts, **told)  # type: ignore[arg-type]


def on(name: str, where: str, epoch: int = 1, since: datetime = LONG_AGO) -> Held:
    return Held(name, f"uid-{name}", where, f"machine-{where}", epoch, since)


def left(
    name: str, where: str, to: str | None, *, epoch: int = 1, since: datetime = NOW, revision: int = 5
) -> Released:
    return Released(name, f"uid-{name}", where, epoch, to, since, revision)


def nodes_of(told: Plan) -> dict[str, str]:
    return {name: held.node for name, held in told.placed.items()}


def site(cameras: object, nodes: object, held: object = (), released: object = (), policy: Policy = SPREAD) -> Plan:
    return plan(cameras, nodes, held, released, policy, NOW, {"a": 4, "b": 7})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stream", "units"),
    [
        ((1920, 1080, 10, "h264"), 1),
        ((1920, 1088, 10, "h264"), 1),
        ((None, None, None, None), 1),
        ((640, 360, 5, "h264"), 1),
        ((1920, 1080, 25, "h264"), 3),
        ((1920, 1080, 10, "h265"), 2),
        ((3840, 2160, 10, "h264"), 4),
        ((3840, 2160, 25, "h265"), 13),
    ],
)
def test_a_stream_costs_pixels_times_rate_times_codec(stream, units):
    assert cost_units(*stream) == units


def test_spread_takes_the_largest_free_share_and_pack_the_smallest_gap():
    nodes = [node("a", 10), node("b", 4), node("c", 20)]
    filled = [camera("x", 5), camera("y", 1), camera("z", 4)]
    held = [on("x", "a"), on("y", "b"), on("z", "c")]
    assert nodes_of(site([*filled, camera("new", 2)], nodes, held))["new"] == "c"
    assert nodes_of(site([*filled, camera("new", 2)], nodes, held, policy=PACK))["new"] == "b"


@pytest.mark.parametrize("policy", [SPREAD, PACK])
def test_among_equal_places_one_in_n_cameras_takes_the_node_that_joined(policy):
    four, five = [node(name) for name in "abcd"], [node(name) for name in "abcde"]
    lone = [camera(f"c{i}") for i in range(400)]
    before = [site([one], four, policy=policy).placed[one.name].node for one in lone]
    after = [site([one], five, policy=policy).placed[one.name].node for one in lone]
    assert {now for was, now in zip(before, after, strict=True) if was != now} == {"e"}
    assert all(50 <= after.count(name) <= 110 for name in "abcde")


def test_new_placements_leave_the_reserve_and_held_cameras_may_use_it():
    policy = replace(SPREAD, reserve_percent=20)
    cameras = [camera("x", 9), camera("new")]
    told = site(cameras, [node("a", 10)], [on("x", "a")], policy=policy)
    assert nodes_of(told) == {"x": "a"}
    assert told.unplaced["new"].message == ("needs 1 unit; site has 0 free of 10 (largest gap 0, 20 % kept in reserve)")


def test_the_reason_tells_the_numbers():
    cameras = [camera(f"x{i}", 11) for i in range(4)] + [camera("x4", 3), camera("new", 3)]
    nodes = [node(name, 12) for name in "abcd"]
    told = site(cameras, nodes)
    lacking = set(told.unplaced.values())
    assert {reason.code for reason in lacking} == {"InsufficientCapacity"}
    assert told.unplaced["new"].message == "needs 3 units; site has 4 free of 48 on 4 nodes (largest gap 1)"


@pytest.mark.parametrize(
    ("wanting", "nodes", "code", "message"),
    [
        (camera("c"), [], "NoNode", "the site has no node"),
        (camera("c"), [node("a", off_for=timedelta(0))], "NoNode", "node a is not ready, and the site has no other"),
        (camera("c"), [node("a", draining=True)], "NoNode", "every ready node of the site (a) is being drained"),
        (
            camera("c", pinned="z"),
            [node("a"), node("b")],
            "PinnedNodeMissing",
            "placement.nodeName is z, which is no node of this site; it has a, b",
        ),
        (
            camera("c", pinned="a"),
            [node("a", off_for=timedelta(0)), node("b")],
            "NoNode",
            "node a, to which it is pinned, is not ready",
        ),
        (
            camera("c", 11, pinned="a"),
            [node("a"), node("b", 20)],
            "InsufficientCapacity",
            "needs 11 units; node a, to which it is pinned, has 10 free of 10 (largest gap 10)",
        ),
        (
            camera("c", selector=(("gate", "north"),)),
            [node("a"), node("b", labels={"gate": "south"})],
            "SelectorMatchesNothing",
            "placement.nodeSelector gate=north fits none of the site's 2 nodes",
        ),
        (
            camera("c", selector=(("gate", "north"),)),
            [node("a"), node("b", labels={"gate": "north"}, off_for=timedelta(0))],
            "NoNode",
            "node b is not ready, and no other fits its selector",
        ),
        (camera("c", enabled=False), [node("a")], "Disabled", "switched off"),
        (
            camera("c"),
            [node("a", max_cameras=0)],
            "InsufficientCapacity",
            "needs 1 unit; site has 0 cameras on node a, which is the most",
        ),
    ],
)
def test_each_camera_without_a_place_is_told_why(wanting, nodes, code, message):
    told = site([wanting], nodes)
    assert told.placed == {}
    assert (told.unplaced["c"].code, told.unplaced["c"].message) == (code, message)


def test_a_node_takes_no_more_cameras_than_an_assignment_can_hold():
    cameras = [camera(f"c{i:03}") for i in range(70)]
    told = site(cameras, [node("a", 1000)])
    assert len(told.placed) == 64
    assert told.unplaced["c069"].message == "needs 1 unit; site has 64 cameras on node a, which is the most"


def test_when_units_shrink_the_least_important_go_at_once_whatever_the_moves_a_minute_are():
    cameras = [camera("low", 4, priority=1), camera("mid", 4, priority=2), camera("top", 4, priority=3)]
    held = [on(one.name, "a") for one in cameras]
    policy = replace(SPREAD, max_moves_per_minute=1)
    told = site(cameras, [node("a", 5), node("b", 4)], held, policy=policy)
    assert nodes_of(told) == {"top": "a"}
    assert {(move.camera, move.target, move.why) for move in told.moves} == {
        ("low", None, "shed"),
        ("mid", "b", "shed"),
    }
    assert told.unplaced["mid"].code == "Releasing"
    assert told.unplaced["low"].code == "InsufficientCapacity"


def test_a_planned_move_waits_for_the_acknowledgement_and_then_has_a_higher_epoch():
    cameras, drained = [camera("x")], node("a", draining=True, applied_revision=4)
    first = site(cameras, [drained, node("b")], [on("x", "a", epoch=3)])
    assert first.placed == {}
    assert first.released == (left("x", "a", "b", epoch=3, revision=5),)
    assert first.unplaced["x"].message == "waits until node a has let it go (revision 5)"
    waiting = site(cameras, [drained, node("b")], released=first.released)
    assert (waiting.placed, waiting.released, waiting.moves) == ({}, first.released, ())
    acked = replace(drained, applied_revision=5)
    second = site(cameras, [acked, node("b")], released=first.released)
    assert second.placed["x"] == Held("x", "uid-x", "b", "machine-b", 4, NOW)
    assert second.arrived == {"x": "moved"}
    assert second.released == first.released  # until it is seen on b: a crash between two writes loses no epoch
    third = site(cameras, [acked, node("b")], [second.placed["x"]], first.released)
    assert third.released == ()
    assert third.settled


def test_a_lost_nodes_cameras_move_at_once_and_without_its_word():
    told = site([camera("x")], [node("a", off_for=timedelta(minutes=10)), node("b")], [on("x", "a")])
    assert told.placed["x"] == Held("x", "uid-x", "b", "machine-b", 2, NOW)
    assert told.arrived == {"x": "failover"}
    assert told.released == (left("x", "a", "b"),)


def test_before_its_time_a_node_is_not_lost_and_the_planner_says_when_to_look_again():
    told = site([camera("x")], [node("a", off_for=timedelta(minutes=9)), node("b")], [on("x", "a")])
    assert nodes_of(told) == {"x": "a"}
    assert told.next_at == NOW + timedelta(minutes=1)


def test_without_failover_nothing_leaves_a_dead_node():
    policy = replace(SPREAD, failover_enabled=False)
    told = site([camera("x")], [node("a", off_for=timedelta(days=9)), node("b")], [on("x", "a")], policy=policy)
    assert (nodes_of(told), told.next_at) == ({"x": "a"}, None)


def test_a_lost_nodes_camera_that_fits_nowhere_stays_and_says_so():
    nodes = [node("a", off_for=timedelta(hours=1)), node("b", 1)]
    told = site([camera("x", 2)], nodes, [on("x", "a")])
    assert nodes_of(told) == {"x": "a"}
    assert told.unplaced["x"].message == "needs 2 units; site has 1 free of 1 (largest gap 1)"


def test_a_node_object_that_is_gone_is_not_waited_for():
    told = site([camera("x"), camera("y", 20)], [node("b")], [on("x", "a"), on("y", "a", epoch=2)])
    assert nodes_of(told) == {"x": "b"}
    assert {entry.camera: entry.to for entry in told.released} == {"x": "b", "y": None}
    assert told.unplaced["y"].code == "InsufficientCapacity"
    later = site([camera("x"), camera("y", 20)], [node("b"), node("c", 20)], told.placed.values(), told.released)
    assert (later.placed["y"].node, later.placed["y"].epoch) == ("c", 3)


def test_another_machine_of_the_same_name_gets_its_cameras_under_a_new_epoch():
    told = site([camera("x")], [node("a", uid="machine-2"), node("b")], [on("x", "a", epoch=4)])
    assert told.placed["x"] == Held("x", "uid-x", "a", "machine-2", 5, LONG_AGO)
    assert (told.moves, told.released) == ((), ())


def test_a_dark_site_moves_nothing():
    nodes = [node("a", off_for=timedelta(hours=1)), node("b", off_for=timedelta(hours=2))]
    cameras = [camera("x"), camera("y"), camera("new"), camera("gone")]
    held = [on("x", "a"), on("y", "b"), on("gone", "c")]
    told = site(cameras, nodes, held)
    assert nodes_of(told) == {"x": "a", "y": "b", "gone": "c"}
    assert (told.moves, told.released, told.next_at) == ((), (), None)
    assert told.unplaced["new"].message == "none of the 2 nodes of the site is ready"


def test_moves_a_minute_are_counted_without_memory_and_the_most_important_go_first():
    cameras = [camera(f"c{i}", priority=i) for i in range(5)] + [camera("just", priority=0)]
    held = [on(f"c{i}", "a") for i in range(5)] + [on("just", "b", epoch=2, since=NOW - timedelta(seconds=20))]
    policy = replace(SPREAD, max_moves_per_minute=3)
    nodes = [node("a", off_for=timedelta(hours=1)), node("b")]
    told = site(cameras, nodes, held, policy=policy)
    assert [move.camera for move in told.moves] == ["c3", "c4"]
    assert not told.settled
    assert told.next_at == NOW - timedelta(seconds=20) + timedelta(seconds=61)


def test_who_waits_for_a_free_move_keeps_its_place_from_newcomers():
    cameras = [camera("old", 6), camera("older", 4), camera("new", 3)]
    policy = replace(SPREAD, max_moves_per_minute=1)
    told = site(
        cameras, [node("a", off_for=timedelta(hours=1)), node("b")], [on("old", "a"), on("older", "a")], (), policy
    )
    assert nodes_of(told) == {"old": "b", "older": "a"}
    assert told.unplaced["new"].code == "InsufficientCapacity"


def test_an_important_camera_displaces_the_least_important_where_it_has_no_other_place():
    cameras = [camera("low", 5, priority=1), camera("mid", 5, priority=2), camera("top", 5, priority=9)]
    held = [on("low", "a"), on("mid", "b")]
    told = site(cameras, [node("a", 5), node("b", 5)], held)
    assert nodes_of(told) == {"top": "a", "mid": "b"}
    assert [(move.camera, move.target, move.why) for move in told.moves] == [("low", None, "displaced")]


def test_who_is_displaced_gets_another_place_if_it_is_smaller():
    cameras = [camera("low", 2, priority=1), camera("top", 6, priority=9)]
    told = site(cameras, [node("a", 6), node("b", 2)], [on("low", "a")])
    assert nodes_of(told) == {"top": "a"}
    assert [(move.camera, move.target) for move in told.moves] == [("low", "b")]


def test_equals_are_not_displaced():
    told = site([camera("x", 5), camera("y", 5)], [node("a", 5)], [on("y", "a")])
    assert nodes_of(told) == {"y": "a"}


def test_nobody_is_displaced_for_nothing():
    cameras = [camera("l1", 1, priority=1), camera("l2", 4, priority=2), camera("top", 4, priority=9)]
    told = site(cameras, [node("a", 5)], [on("l1", "a"), on("l2", "a")])
    assert nodes_of(told) == {"l1": "a", "top": "a"}


def test_a_pin_moves_a_camera_and_waits_for_its_node():
    cameras = [camera("x", pinned="b")]
    assert site(cameras, [node("a"), node("b")], [on("x", "a")]).released == (left("x", "a", "b"),)
    told = site(cameras, [node("a"), node("b", off_for=timedelta(0))], [on("x", "a")])
    assert nodes_of(told) == {"x": "a"}
    assert told.unplaced["x"].message == "node b, to which it is pinned, is not ready"


def test_a_node_that_no_longer_fits_the_selector_is_left():
    cameras = [camera("x", selector=(("gate", "north"),))]
    nodes = [node("a"), node("b", labels={"gate": "north"})]
    told = site(cameras, nodes, [on("x", "a")])
    assert [(move.target, move.why) for move in told.moves] == [("b", "selector")]


def test_a_pinned_camera_stays_on_a_draining_node_that_has_no_other():
    told = site([camera("x", pinned="a")], [node("a", draining=True), node("b")], [on("x", "a")])
    assert nodes_of(told) == {"x": "a"}
    assert told.unplaced["x"].message == "node a, to which it is pinned, is being drained"


def test_a_camera_that_is_switched_off_keeps_its_epoch_alive():
    off = site([camera("x", enabled=False)], [node("a"), node("b")], [on("x", "a", epoch=6)])
    assert off.released == (left("x", "a", None, epoch=6),)
    assert off.moves == ()
    pinned = camera("x", pinned="b")
    waiting = site([pinned], [node("a", applied_revision=4), node("b")], released=off.released)
    assert waiting.unplaced["x"].code == "Releasing"
    back = site([pinned], [node("a", applied_revision=5), node("b")], released=off.released)
    assert (back.placed["x"].node, back.placed["x"].epoch) == ("b", 7)


def test_the_entry_of_a_camera_that_is_off_goes_when_its_status_knows_the_epoch():
    entries = [left("x", "a", None, epoch=6)]
    nodes = [node("a", applied_revision=5)]
    assert site([camera("x", enabled=False)], nodes, released=entries).released == tuple(entries)
    assert site([camera("x", enabled=False, epoch=6)], nodes, released=entries).released == ()
    assert site([camera("x", epoch=6)], nodes).placed["x"].epoch == 7


def test_back_on_its_old_node_a_camera_waits_for_nobody():
    told = site([camera("x")], [node("a"), node("b")], released=[left("x", "a", None)])
    assert (told.placed["x"].node, told.placed["x"].epoch) == ("a", 2)
    assert told.arrived == {}


def test_a_deleted_camera_leaves_no_trace_and_its_successor_starts_anew():
    held = Held("x", "uid-before", "a", "machine-a", 9, LONG_AGO)
    told = site([camera("x")], [node("a")], [held], [replace(left("x", "a", "a"), uid="uid-before")])
    assert told.placed["x"].epoch == 1
    assert told.released == ()


def test_an_assignment_deleted_by_hand_comes_back_as_it_was_under_new_epochs():
    told = site([camera("x", epoch=3, last_node="b")], [node("a"), node("b", 1)])
    assert (told.placed["x"].node, told.placed["x"].epoch) == ("b", 4)


def test_two_holders_after_a_crash_become_one():
    told = site([camera("x")], [node("a"), node("b")], [on("x", "a"), on("x", "b", epoch=2)])
    assert (told.placed["x"].node, told.placed["x"].epoch) == ("b", 2)
    told = site([camera("x")], [node("a"), node("b")], [on("x", "a", epoch=2), on("x", "b", epoch=2)])
    assert told.placed["x"].epoch == 3


def test_a_holder_from_before_a_later_release_is_not_believed():
    told = site(
        [camera("x")], [node("a"), node("b"), node("c")], [on("x", "a", epoch=1)], [left("x", "b", "c", epoch=2)]
    )
    assert told.placed == {}
    assert told.unplaced["x"].code == "Releasing"


def test_a_promise_finds_another_node_when_the_first_is_gone():
    nodes = [node("a", draining=True), node("c")]
    told = site([camera("x")], nodes, released=[left("x", "a", "b")])
    assert told.released == (left("x", "a", "c"),)


def test_a_node_that_joins_gets_nothing_unless_that_is_asked_for():
    cameras = [camera(f"c{i}") for i in range(6)]
    held = [on(f"c{i}", "ab"[i % 2]) for i in range(6)]
    nodes = [node("a"), node("b"), node("c")]
    assert site(cameras, nodes, held).moves == ()
    asked = site(cameras, nodes, held, policy=replace(SPREAD, rebalance=True))
    assert [(move.target, move.why) for move in asked.moves] == [("c", "rebalance")] * 2
    assert site(cameras, nodes, held, policy=replace(SPREAD, sticky=False)).moves == asked.moves


def test_pack_empties_the_emptiest_node_when_the_others_can_take_all_of_it():
    cameras = [camera("x", 6), camera("y", 5), camera("z", 2), camera("q", 1)]
    held = [on("x", "a"), on("y", "b"), on("z", "c"), on("q", "c")]
    nodes = [node("a"), node("b"), node("c")]
    asked = site(cameras, nodes, held, policy=replace(PACK, rebalance=True))
    assert {(move.camera, move.target) for move in asked.moves} == {("z", "a"), ("q", "a")}
    full = site([*cameras[:2], camera("z", 6), cameras[3]], nodes, held, policy=replace(PACK, rebalance=True))
    assert full.moves == ()
