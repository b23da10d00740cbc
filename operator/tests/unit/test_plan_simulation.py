"""A site over time: nodes come and go, acknowledgements are late, the operator dies between two writes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alpr_operator.plan import CameraFacts, Held, NodeFacts, Plan, Policy, Released, plan

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NODES = st.sampled_from(["n1", "n2", "n3", "n4"])
CAMERAS = st.sampled_from([f"c{i}" for i in range(12)])
MOVES_A_MINUTE = 3
COUNTED = ("failover", "gone", "drain", "pin", "selector", "displaced", "rebalance")


@dataclass
class Agent:
    """What a node really does: it serves what it applied last, whatever the operator thinks."""

    applied: int = 0
    serves: dict[str, int] = field(default_factory=dict)  # camera uid → epoch


@dataclass
class Assignment:
    revision: int
    node_uid: str
    cameras: dict[str, Held]
    released: list[Released]


class SiteOverTime(RuleBasedStateMachine):
    """The truth is what the assignments say; the planner gets nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.nodes: dict[str, NodeFacts] = {}
        self.cameras: dict[str, CameraFacts] = {}
        self.assignments: dict[str, Assignment] = {}
        self.agents: dict[str, Agent] = defaultdict(Agent)  # by node uid
        self.given: dict[tuple[str, int], str] = {}  # (camera uid, epoch) → node uid that ever had it
        self.departures: dict[str, list[datetime]] = defaultdict(list)
        self.overtaken: set[tuple[str, str]] = (
            set()
        )  # (camera uid, node uid): taken to elsewhere while the node was lost
        self.births = 0
        self.policy = Policy(True, True, 10, MOVES_A_MINUTE, True, timedelta(minutes=10))

    @initialize(spread=st.booleans(), sticky=st.integers(0, 4), counts=st.tuples(st.integers(1, 4), st.integers(0, 12)))
    def begin(self, spread: bool, sticky: int, counts: tuple[int, int]) -> None:  # noqa: FBT001
        self.policy = replace(self.policy, spread=spread, sticky=sticky > 0)
        for i in range(counts[0]):
            self.join(f"n{i + 1}", 8)
        for i in range(counts[1]):
            self.add_camera(f"c{i}", 1 + i % 3, 100, None)
        self.operate()

    # ---- what people and the world do

    @rule(name=NODES, units=st.integers(1, 12))
    def join(self, name: str, units: int) -> None:
        self.births += 1
        self.nodes[name] = NodeFacts(name, f"{name}-{self.births}", units, {}, ready=True, offline_since=None)

    @rule(name=NODES)
    def delete_node(self, name: str) -> None:
        self.nodes.pop(name, None)

    @rule(name=NODES)
    def lose(self, name: str) -> None:
        if name in self.nodes and self.nodes[name].ready:
            self.nodes[name] = replace(self.nodes[name], ready=False, offline_since=self.now)

    @rule(name=NODES)
    def come_back(self, name: str) -> None:
        if name in self.nodes:
            self.nodes[name] = replace(self.nodes[name], ready=True, offline_since=None)

    @rule(name=NODES, draining=st.booleans(), units=st.integers(1, 12))
    def change_node(self, name: str, draining: bool, units: int) -> None:  # noqa: FBT001
        if name in self.nodes:
            self.nodes[name] = replace(self.nodes[name], draining=draining, units=units)

    @rule(name=CAMERAS, cost=st.integers(1, 4), priority=st.sampled_from([1, 100, 500]), pinned=st.none() | NODES)
    def add_camera(self, name: str, cost: int, priority: int, pinned: str | None) -> None:
        if name in self.cameras:
            self.cameras[name] = replace(self.cameras[name], cost=cost, priority=priority, pinned=pinned)
            return
        self.births += 1
        self.cameras[name] = CameraFacts(name, f"{name}-{self.births}", cost, priority, pinned)

    @rule(name=CAMERAS)
    def toggle_camera(self, name: str) -> None:
        if name in self.cameras:
            self.cameras[name] = replace(self.cameras[name], enabled=not self.cameras[name].enabled)

    @rule(name=CAMERAS)
    def delete_camera(self, name: str) -> None:
        self.cameras.pop(name, None)

    @rule(seconds=st.sampled_from([1, 5, 30, 61, 400]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds, milliseconds=300)

    @rule()
    def ask_for_a_balance(self) -> None:
        self.operate(rebalance=True)

    # ---- agents

    @rule(name=NODES)
    def agent_catches_up(self, name: str) -> None:
        node, told = self.nodes.get(name), self.assignments.get(name)
        if node is None or told is None or not node.ready or told.node_uid != node.uid:
            return
        agent = self.agents[node.uid]
        agent.applied = told.revision
        agent.serves = {held.uid: held.epoch for held in told.cameras.values()}
        self.overtaken = {one for one in self.overtaken if one[1] != node.uid}

    # ---- the operator

    @rule()
    def operate(self, *, rebalance: bool = False) -> None:
        self._write(self._plan(rebalance=rebalance), None)

    @rule(written=st.sets(NODES))
    def die_while_writing(self, written: set[str]) -> None:
        self._write(self._plan(), written)

    def _plan(self, *, rebalance: bool = False) -> Plan:
        nodes = [
            replace(node, applied_revision=self.agents[node.uid].applied if node.uid in self.agents else 0)
            for node in self.nodes.values()
        ]
        held = [
            replace(one, node_uid=told.node_uid) for told in self.assignments.values() for one in told.cameras.values()
        ]
        released = [one for told in self.assignments.values() for one in told.released]
        revisions = {name: told.revision for name, told in self.assignments.items()}
        policy = replace(self.policy, rebalance=rebalance)
        answer = plan([*self.cameras.values()], nodes, held, released, policy, self.now, revisions)
        self._check(answer, held)
        return answer

    def _write(self, answer: Plan, only: set[str] | None) -> None:
        """Write each node's assignment where it differs, in any order; `only` these where the operator dies then."""
        for name in sorted({*self.nodes, *self.assignments}):
            if only is not None and name not in only:
                continue
            before = self.assignments.get(name)
            cameras = {camera: _on_the_wire(held) for camera, held in answer.placed.items() if held.node == name}
            released = [_on_the_wire(one) for one in answer.released if one.node == name]
            uid = self.nodes[name].uid if name in self.nodes else before.node_uid if before else ""
            if before and (before.cameras, before.released, before.node_uid) == (cameras, released, uid):
                continue
            if name not in self.nodes and not cameras and not released:
                del self.assignments[name]
                continue
            self._note(before, cameras, answer)
            self.assignments[name] = Assignment(before.revision + 1 if before else 1, uid, cameras, released)

    def _note(self, before: Assignment | None, cameras: dict[str, Held], answer: Plan) -> None:
        for held in cameras.values():
            assert self.given.setdefault((held.uid, held.epoch), held.node_uid) == held.node_uid
            for uid, agent in self.agents.items():
                if uid != held.node_uid and held.uid in agent.serves and self._may_be_overtaken(uid):
                    self.overtaken.add((held.uid, uid))
        for move in answer.moves:
            left = before is not None and move.camera in before.cameras and move.camera not in cameras
            if left and move.why in COUNTED and (move.target is not None or move.why == "displaced"):
                self.departures[self.cameras[move.camera].uid].append(self.now)

    def _may_be_overtaken(self, uid: str) -> bool:
        node = next((node for node in self.nodes.values() if node.uid == uid), None)
        if node is None:
            return True
        return node.offline_since is not None and self.now - node.offline_since >= self.policy.failover_after

    # ---- what always holds

    def _check(self, answer: Plan, held: list[Held]) -> None:
        enabled = {camera.name for camera in self.cameras.values() if camera.enabled}
        assert answer.placed.keys() <= enabled
        assert enabled <= answer.placed.keys() | answer.unplaced.keys()
        if any(node.ready for node in self.nodes.values()):
            for node in self.nodes.values():
                there = [self.cameras[name].cost for name, one in answer.placed.items() if one.node == node.name]
                assert not node.ready or sum(there) <= node.units
        else:
            assert answer.moves == ()
            kept = {(one.camera, one.node) for one in answer.placed.values()}
            assert kept <= {(one.camera, one.node) for one in held}

    @invariant()
    def a_camera_is_served_by_one_node_unless_the_other_was_lost(self) -> None:
        """Two agents serve one camera only where one was lost or gone; the newer one has the higher epoch."""
        serving: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for node_uid, agent in self.agents.items():
            for uid, epoch in agent.serves.items():
                if (uid, node_uid) not in self.overtaken:
                    serving[uid].append((epoch, node_uid))
        for uid, who in serving.items():
            assert len({epoch for epoch, _ in who}) == len(who)
            living = [one for one in who if not self._may_be_overtaken(one[1])]
            assert len(living) <= 1, (uid, who)

    @invariant()
    def no_more_cameras_move_within_a_minute_than_may(self) -> None:
        alive = {camera.uid for camera in self.cameras.values() if camera.enabled}
        moments = [(uid, when) for uid, times in self.departures.items() if uid in alive for when in times]
        for _, end in moments:
            lately = {uid for uid, when in moments if end - timedelta(seconds=60) < when <= end}
            assert len(lately) <= MOVES_A_MINUTE

    def teardown(self) -> None:
        """In peace at last, everybody who fits is served, by exactly the node whose assignment names it."""
        if not self.nodes:
            self.join("n1", 8)
        for name in list(self.nodes):
            self.come_back(name)
        for _ in range(80):
            answer = self._plan()
            before = {name: told.revision for name, told in self.assignments.items()}
            self._write(answer, None)
            for name in self.nodes:
                self.agent_catches_up(name)
            if before == {name: told.revision for name, told in self.assignments.items()} and answer.settled:
                break
            self.now += timedelta(seconds=20)
        else:
            raise AssertionError("the site never came to rest")
        assert not [reason for reason in answer.unplaced.values() if reason.code == "Releasing"]
        served = [(uid, epoch) for node in self.nodes.values() for uid, epoch in self.agents[node.uid].serves.items()]
        assert sorted(served) == sorted((held.uid, held.epoch) for held in answer.placed.values())


def _on_the_wire(one: Held | Released) -> Held | Released:
    """Kubernetes cuts times to whole seconds."""
    return replace(one, since=one.since.replace(microsecond=0)) if one.since else one


SiteOverTime.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
test_11_planner_keeps_its_promises_over_time = SiteOverTime.TestCase
