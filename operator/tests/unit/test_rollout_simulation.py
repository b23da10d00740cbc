"""A rollout over time: nodes go dark and return, pods are slow, states are bad, the operator restarts in every pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from alpr_operator.rollout import RolloutNode, Step, Target, advance, is_open
from alpr_schemas.resources import Gates, ReportedGates, Rollout, RolloutStatus, RolloutStep, Window

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NAMES = [f"n{i}" for i in range(7)]
NODES = st.sampled_from(NAMES)
WELL = ReportedGates(fps_ratio=1)
POOR = ReportedGates(fps_ratio=0.4)
STEPS = st.sampled_from([(), (RolloutStep(nodes=2, soak="5m"),), (RolloutStep(percent=30), RolloutStep(percent=100))])
WINDOWS = st.sampled_from([(), (), (Window(start="06:00", end="21:00"),), (Window(start="23:00", end="01:00"),)])


def target(number: int, kind: int) -> Target:
    """State `number`; with an odd `kind` only the models are new."""
    image = f"w{number}" if kind % 2 == 0 else "w0"
    return Target(f"sha256:{number}-{kind}", {"orin": image}, f"m{number}", f"state {number}")


class RolloutOverTime(RuleBasedStateMachine):
    """The operator remembers nothing but status.rollout, as it comes back from the server."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.number = 0
        self.wanted = target(0, 0)
        self.bad: set[str] = set()  # images and models that drop frames
        self.state: RolloutStatus | None = None
        self.policy = Rollout()
        self.nodes: dict[str, RolloutNode] = {}
        self.template = self.wanted
        self.stable = self.wanted.digest
        self.failed: set[str] = set()

    @initialize(
        count=st.integers(1, 7),
        steps=STEPS,
        down=st.integers(1, 3),
        windows=WINDOWS,
        gated=st.booleans(),
        auto=st.booleans(),
    )
    def begin(self, count: int, steps: tuple, down: int, windows: tuple, gated: bool, auto: bool) -> None:  # noqa: FBT001
        gates = Gates(min_fps_ratio=0.9) if gated else Gates()
        self.policy = Rollout(steps=steps, max_unavailable=down, windows=windows, gates=gates, auto_rollback=auto)
        for name in NAMES[:count]:
            self.nodes[name] = RolloutNode(name, "orin", True, "w0", True, "m0", "m0", WELL, START)
        self.look()

    @rule(kind=st.integers(0, 1), bad=st.booleans())
    def edit_the_spec(self, kind: int, bad: bool) -> None:  # noqa: FBT001
        self.number += 1
        self.wanted = target(self.number, kind)
        self.failed.clear()
        if bad:
            self.bad |= {self.wanted.workloads["orin"], self.wanted.models} - {"w0", "m0"}

    @rule(name=NODES)
    def lose(self, name: str) -> None:
        if name in self.nodes and self.nodes[name].ready:
            self.nodes[name] = replace(self.nodes[name], ready=False, offline_since=self.now)

    @rule(name=NODES)
    def come_back(self, name: str) -> None:
        node = self.nodes.get(name)
        if node and not node.ready:
            self.nodes[name] = replace(node, ready=True, offline_since=None, ready_since=self.now)

    @rule(name=NODES)
    def join(self, name: str) -> None:
        if name not in self.nodes:
            self.nodes[name] = RolloutNode(name, "orin", ready=True, ready_since=self.now)

    @rule(name=NODES)
    def come_up(self, name: str) -> None:
        """The DaemonSet's pod appears and is ready, the agent takes the models that it was told."""
        node = self.nodes.get(name)
        if node is None or not node.ready:
            return
        workload = node.workload or self.template.workloads["orin"]
        poor = bool({workload, node.told_models} & self.bad)
        fresh = (workload, node.told_models) != (node.workload, node.models) or not node.pod_ready
        self.nodes[name] = replace(
            node,
            workload=workload,
            pod_ready=True,
            models=node.told_models,
            gates=POOR if poor else WELL,
            since=self.now if fresh else node.since,
        )

    @rule(minutes=st.sampled_from([0.2, 1, 6, 11, 45, 300]))
    def wait(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def all_come_up(self) -> None:
        for name in self.nodes:
            self.come_up(name)

    @rule()
    @precondition(lambda self: self.nodes)
    def operate(self) -> None:
        self.look()

    def look(self) -> Step:
        before = self.state
        nodes = [*self.nodes.values()]
        step = advance(before, self.wanted, self.policy, nodes, self.now)
        self._check(step, before or RolloutStatus())
        self.state = RolloutStatus.model_validate_json(step.state.model_dump_json())
        self.template = self._side(step, step.template)
        for name in step.restart:
            self.nodes[name] = replace(self.nodes[name], workload=None, pod_ready=False)
        for name, side in step.models.items():
            if side != "kept":
                self.nodes[name] = replace(self.nodes[name], told_models=self._side(step, side).models)
        return step

    def _side(self, step: Step, side: str) -> Target:
        told = self.wanted if side == "new" else step.old
        assert told is not None
        return told

    # ---- what always holds

    def _check(self, step: Step, before: RolloutStatus) -> None:
        self._check_restarts(step)
        self._check_windows(step)
        self._check_failures(step, before)
        assert step.models.keys() == self.nodes.keys()
        assert step.next_at is None or step.next_at > self.now
        assert step.state.total == len(self.nodes)

    def _check_restarts(self, step: Step) -> None:
        """Only ready nodes, and never more pods down than may be; those that were down already apart."""
        wanted = self._side(step, step.template)
        down = [
            node for node in self.nodes.values() if node.ready and (node.workload is None or self._starts(node, wanted))
        ]
        up = [name for name in step.restart if self.nodes[name].pod_ready]
        assert all(self.nodes[name].ready for name in step.restart)
        assert not up or len(up) + len(down) <= self.policy.max_unavailable

    @staticmethod
    def _starts(node: RolloutNode, wanted: Target) -> bool:
        return not node.pod_ready and node.has_pod_of(wanted)

    def _check_windows(self, step: Step) -> None:
        """Outside windows nobody begins to change, but to go back."""
        if is_open(self.policy.windows, "UTC", self.now) or step.state.phase == "RolledBack":
            return
        assert step.restart == ()
        for name, side in step.models.items():
            node = self.nodes[name]
            if side == "new" and node.told_models != self.wanted.models:
                assert node.fresh or node.has_pod_of(self.wanted)
                assert node.fresh or self.wanted.workloads["orin"] != "w0"

    def _check_failures(self, step: Step, before: RolloutStatus) -> None:
        """What failed is not tried again; what is well is not blamed."""
        if self.wanted.digest in self.failed:
            assert step.state.phase == "RolledBack"
            assert all(side == "old" for side in step.models.values())
        if step.breach is not None:
            poor = [
                node for node in self.nodes.values() if node.ready and node.runs(self.wanted) and node.gates == POOR
            ]
            blamed = "frames 0.40 of asked, gate 0.90" in step.breach
            assert blamed == bool(poor) or not blamed
            if self.policy.auto_rollback:
                assert before.phase != "RolledBack"
                assert step.state.phase == "RolledBack"
                self.failed.add(self.wanted.digest)

    def teardown(self) -> None:
        """In peace at last all nodes agree: on what is wanted, or on the state before where that was no good."""
        if not self.nodes:
            return
        for name in list(self.nodes):
            self.come_back(name)
        for _ in range(150):
            step = self.look()
            self.all_come_up()
            self.now += timedelta(minutes=11)
            if step.state.phase in ("Idle", "RolledBack") and self._agree(self._side(step, step.template)):
                break
        else:
            halted = self.state is not None and "gate" in self.state.message
            assert halted, self.state
            assert not self.policy.auto_rollback
            return
        if step.state.phase == "RolledBack":
            assert self.wanted.digest in (step.state.failed_digest, step.state.from_digest)
        else:
            assert step.state.to_digest == self.wanted.digest

    def _agree(self, wanted: Target) -> bool:
        return all(node.runs(wanted) for node in self.nodes.values())


RolloutOverTime.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
test_13_a_rollout_keeps_its_promises_over_time = RolloutOverTime.TestCase
