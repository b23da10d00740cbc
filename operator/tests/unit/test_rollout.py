"""The rollout's rules, one by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alpr_operator.rollout import RolloutNode, Step, Target, advance
from alpr_schemas.resources import Gates, ReportedGates, Rollout, RolloutStatus, RolloutStep, Window

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OLD = Target("sha256:old", {"orin": "w1", "cpu": "v1"}, "m1", '{"image":"one"}')
NEW = Target("sha256:new", {"orin": "w2", "cpu": "v2"}, "m2", '{"image":"two"}')
IMAGE_ONLY = replace(NEW, digest="sha256:image", models="m1")
MODELS_ONLY = replace(OLD, digest="sha256:models", models="m2")
IDLE = RolloutStatus(to_digest=OLD.digest, to_state=OLD.pack())
WELL = ReportedGates(fps_ratio=1, error_ratio=0, read_ratio=1, self_test=1)
FAST = Rollout(steps=(RolloutStep(nodes=1, soak="10m"), RolloutStep(percent=50, soak="10m")), max_unavailable=10)
GATED = FAST.model_copy(
    update={"gates": Gates(min_fps_ratio=0.9, max_error_ratio=0.1, min_read_ratio=0.8, self_test_score=0.7)}
)


def at(target: Target, name: str, **told: object) -> RolloutNode:
    """A node that is up with `target`."""
    node = RolloutNode(name, "orin", True, target.workloads["orin"], True, target.models, target.models, WELL)
    return replace(node, **told)  # type: ignore[arg-type]


def off(node: RolloutNode, *, since: datetime = NOW) -> RolloutNode:
    return replace(node, ready=False, offline_since=since)


def names(count: int) -> list[str]:
    return [f"n{i:02}" for i in range(count)]


class World:
    """A site whose nodes do what they are told, between two looks."""

    def __init__(self, count: int, policy: Rollout, wanted: Target, **told: object) -> None:
        self.nodes = {name: at(OLD, name) for name in names(count)}
        self.policy, self.wanted, self.told = policy, wanted, told
        self.state: RolloutStatus | None = IDLE
        self.now = NOW

    def look(self) -> Step:
        step = advance(self.state, self.wanted, self.policy, [*self.nodes.values()], self.now, **self.told)  # type: ignore[arg-type]
        self.state = RolloutStatus.model_validate_json(step.state.model_dump_json())  # as the server keeps it
        return step

    def obey(self, step: Step) -> None:
        """Pods come up with the template, models are taken; nodes that are offline stay as they are."""
        for name, node in self.nodes.items():
            side = {"new": self.wanted, "old": step.old}
            if not node.ready:
                continue
            if name in step.restart:
                template = side[step.template]
                assert template is not None
                node = replace(node, workload=template.workloads[node.node_class], since=self.now)  # noqa: PLW2901
            models = side.get(step.models[name])
            if models is not None:
                node = replace(node, told_models=models.models, models=models.models)  # noqa: PLW2901
            self.nodes[name] = node

    def turn(self, minutes: float = 0) -> Step:
        self.now += timedelta(minutes=minutes)
        step = self.look()
        self.obey(step)
        return step

    def updated(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.runs(self.wanted)]

    def run_until(self, phase: str, limit: int = 100) -> Step:
        for _ in range(limit):
            step = self.turn(1)
            if step.state.phase == phase:
                return step
        raise AssertionError(f"never {phase}: {self.state}")


def test_the_first_state_of_a_site_is_no_rollout():
    fresh = [RolloutNode("a", "orin", ready=True), RolloutNode("b", "orin", ready=False)]
    step = advance(None, NEW, Rollout(), fresh, NOW)
    assert (step.state.phase, step.state.to_digest, step.template) == ("Idle", NEW.digest, "new")
    assert step.models == {"a": "new", "b": "new"}
    assert step.restart == ()


def test_a_change_before_any_node_runs_is_no_rollout():
    step = advance(IDLE, NEW, Rollout(), [RolloutNode("a", "orin", ready=True)], NOW)
    assert (step.state.phase, step.state.to_digest) == ("Idle", NEW.digest)


def test_a_class_that_no_node_had_is_no_rollout():
    wider = replace(OLD, digest="sha256:wider", workloads={**OLD.workloads, "thor": "t1"})
    step = advance(IDLE, wider, Rollout(), [at(OLD, "a")], NOW)
    assert (step.state.phase, step.state.to_digest, step.restart) == ("Idle", "sha256:wider", ())


def test_waves_grow_step_by_step_and_soak_in_between():
    world = World(10, FAST, NEW)
    assert world.turn().restart == ("n00",)
    world.turn()  # its pod is the new one: now it is told the models
    assert world.updated() == ["n00"]
    step = world.turn()
    assert (step.state.step, step.state.step_started_at, step.restart) == (0, world.now, ())
    assert step.next_at == world.now + timedelta(minutes=5) or step.next_at == world.now + timedelta(minutes=1)
    assert world.turn(9.9).restart == ()
    assert world.turn(0.1).restart == ("n01", "n02", "n03", "n04")
    world.turn()
    world.turn()
    assert world.turn(10).restart == ("n05", "n06", "n07", "n08", "n09")  # what steps do not name comes last
    done = world.run_until("Idle")
    assert (done.state.updated, done.state.total, done.state.message) == (10, 10, "")
    assert done.state.from_digest == OLD.digest
    assert world.turn().state == done.state


def test_without_steps_a_careful_default_holds():
    world = World(20, Rollout(max_unavailable=20), NEW)
    sizes = [len(world.turn(1).restart) for _ in range(70)]
    assert [size for size in sizes if size] == [1, 1, 8, 10]  # 1 node, 10 %, 50 %, all


def test_a_small_site_does_not_soak_for_steps_that_add_nobody():
    world = World(1, Rollout(), NEW)
    started = world.now
    world.run_until("Idle")
    assert world.now - started <= timedelta(minutes=14)


def test_all_at_once_is_one_wave_whatever_max_unavailable_says():
    world = World(5, Rollout(strategy="AllAtOnce"), NEW)
    assert world.turn().restart == tuple(names(5))


def test_never_more_pods_are_down_than_may_be():
    world = World(6, Rollout(steps=(RolloutStep(percent=100),), max_unavailable=2), IMAGE_ONLY)
    first = world.look()
    assert first.restart == ("n00", "n01")
    world.nodes["n00"] = replace(world.nodes["n00"], workload=None)
    world.nodes["n01"] = replace(world.nodes["n01"], workload="w2", pod_ready=False)
    assert world.look().restart == ()
    world.nodes["n00"] = replace(world.nodes["n00"], workload="w2")
    assert world.look().restart == ("n02",)


def test_a_broken_pod_is_no_obstacle_to_what_may_mend_it():
    world = World(2, Rollout(steps=(RolloutStep(percent=100),), max_unavailable=1), IMAGE_ONLY)
    world.nodes["n01"] = replace(world.nodes["n01"], pod_ready=False)
    assert world.look().restart == ("n00", "n01")


def test_models_alone_restart_nothing():
    world = World(4, FAST, MODELS_ONLY)
    step = world.turn()
    assert step.restart == ()
    assert step.models == {"n00": "new", "n01": "old", "n02": "old", "n03": "old"}
    world.run_until("Idle")
    assert world.updated() == names(4)


def test_models_follow_their_image():
    world = World(1, FAST, NEW)
    first = world.turn()
    assert (first.restart, first.models) == (("n00",), {"n00": "old"})
    assert world.turn().models == {"n00": "new"}


def test_nodes_that_a_change_does_not_concern_are_no_canaries():
    world = World(3, FAST, replace(IMAGE_ONLY, workloads={"orin": "w2", "cpu": "v1"}))
    cpu = replace(at(OLD, "n00"), node_class="cpu", workload="v1")
    world.nodes["n00"] = cpu
    assert world.turn().restart == ("n01",)
    world.run_until("Idle")
    assert world.nodes["n00"] == cpu


def test_a_new_node_starts_on_the_stable_state_in_mid_rollout():
    world = World(4, FAST, MODELS_ONLY)
    world.turn()
    world.nodes["z"] = replace(at(OLD, "z"), told_models=None, models=None)
    assert world.look().models["z"] == "old"


def test_3_of_20_nodes_offline_do_not_block_and_catch_up_on_return():
    world = World(20, Rollout(max_unavailable=20), NEW)
    for name in ("n00", "n07", "n19"):
        world.nodes[name] = off(world.nodes[name])
    done = world.run_until("Idle")
    assert len(world.updated()) == 17
    assert done.state.message == "3 offline nodes follow on return"
    assert done.models["n07"] == "kept"
    world.nodes["n07"] = replace(world.nodes["n07"], ready=True, offline_since=None)
    assert world.turn(60).restart == ("n07",)
    world.turn()
    assert world.turn().state.updated == 18
    assert len(world.updated()) == 18


def test_a_node_that_vanishes_while_it_changes_is_waited_for_and_then_replaced():
    world = World(4, FAST, NEW)
    world.turn()
    world.nodes["n00"] = off(world.nodes["n00"], since=world.now)
    waiting = world.turn(5)
    assert (waiting.state.phase, waiting.restart) == ("Waiting", ())
    assert waiting.state.message == "node n00 went offline when it changed; waiting for it"
    assert waiting.next_at == NOW + timedelta(minutes=10)
    assert world.turn(5).restart == ("n01",)


def test_a_change_that_takes_nodes_down_is_taken_back():
    world = World(4, FAST, NEW)
    step = world.turn()
    for name in ("n00", "n01"):
        assert step.restart == (name,)
        world.nodes[name] = off(world.nodes[name], since=world.now)
        step = world.turn(10)
    assert step.breach == "2 nodes went offline when they changed (n00, n01), 0 came up"
    assert step.state.phase == "RolledBack"


def test_a_site_without_power_is_no_fault_of_the_change():
    world = World(4, FAST, NEW)
    world.turn()
    world.turn()
    for name in names(4):
        world.nodes[name] = off(world.nodes[name], since=world.now)
    dark = world.turn(60)
    assert (dark.state.phase, dark.state.message, dark.breach) == ("Waiting", "no node is ready", None)
    for name in reversed(names(4)):
        world.nodes[name] = replace(world.nodes[name], ready=True, offline_since=None, ready_since=world.now)
        assert world.turn(0.5).breach is None
    world.run_until("Idle")


def test_changed_nodes_that_return_later_than_others_are_no_fault_of_the_change():
    world = World(8, FAST, NEW)
    while len(world.updated()) < 4:
        world.turn(1)
    for name in names(8):
        world.nodes[name] = off(world.nodes[name], since=world.now)
    assert world.turn(60).breach is None
    world.nodes["n07"] = replace(world.nodes["n07"], ready=True, offline_since=None, ready_since=world.now)
    assert world.turn().breach is None


@pytest.mark.parametrize(
    ("reported", "message"),
    [
        ({"fps_ratio": 0.62}, "node n00: frames 0.62 of asked, gate 0.90"),
        ({"error_ratio": 0.4}, "node n00: 0.40 of its cameras do not stream, gate 0.10"),
        ({"read_ratio": 0.5}, "node n00: readings 0.50 of those before, gate 0.80"),
        ({"self_test": 0.4}, "node n00: self-test 0.40, gate 0.70"),
    ],
)
def test_13_a_gate_breach_rolls_back_by_itself_and_says_why(reported, message):
    world = World(4, GATED, NEW)
    world.turn()
    world.turn()
    world.nodes["n00"] = replace(world.nodes["n00"], gates=WELL.model_copy(update=reported))
    assert world.turn(0.5).breach is None  # its cameras are still connecting
    step = world.turn(0.5)
    assert step.breach == message
    assert (step.state.phase, step.state.message, step.state.failed_digest) == ("RolledBack", message, NEW.digest)
    assert (step.template, step.restart) == ("old", ("n00",))
    assert step.models == dict.fromkeys(names(4), "old")
    assert step.old == OLD
    for _ in range(3):
        later = world.turn(60)
    assert world.updated() == []
    assert (later.state.phase, later.state.updated, later.breach, later.restart) == ("RolledBack", 0, None, ())


def test_13_an_offline_node_rolls_back_alone_on_return():
    world = World(4, GATED, NEW)
    world.run_until("Progressing")
    while len(world.updated()) < 2:
        world.turn(1)
    gone, bad = world.updated()[:2]
    world.nodes[gone] = off(world.nodes[gone], since=world.now)
    world.nodes[bad] = replace(world.nodes[bad], gates=WELL.model_copy(update={"fps_ratio": 0.1}))
    world.run_until("RolledBack")
    world.turn()
    assert world.updated() == [gone]
    world.nodes[gone] = replace(world.nodes[gone], ready=True, offline_since=None)
    assert world.turn(600).restart == (gone,)
    world.turn()
    assert world.updated() == []


def test_a_failed_state_is_not_tried_again_until_the_spec_changes():
    world = World(2, GATED, NEW)
    world.state = IDLE.model_copy(
        update={
            "phase": "RolledBack",
            "from_digest": OLD.digest,
            "from_state": OLD.pack(),
            "to_digest": NEW.digest,
            "failed_digest": NEW.digest,
        }
    )
    assert world.turn(1000).state.phase == "RolledBack"
    world.wanted = IMAGE_ONLY
    step = world.turn()
    assert (step.state.phase, step.state.failed_digest, step.state.from_digest) == ("Progressing", None, OLD.digest)
    assert step.restart == ("n00",)


def test_a_gate_that_nobody_reports_is_not_judged():
    world = World(1, GATED, NEW)
    world.nodes["n00"] = replace(world.nodes["n00"], gates=None)
    world.run_until("Idle")


def test_without_auto_rollback_a_breach_only_stops():
    world = World(4, GATED.model_copy(update={"auto_rollback": False}), NEW)
    world.turn()
    world.turn()
    world.nodes["n00"] = replace(world.nodes["n00"], gates=WELL.model_copy(update={"fps_ratio": 0.5}))
    step = world.turn(30)
    assert (step.state.phase, step.state.message) == ("Waiting", "node n00: frames 0.50 of asked, gate 0.90")
    assert (step.template, step.restart) == ("new", ())
    world.nodes["n00"] = replace(world.nodes["n00"], gates=WELL)
    world.run_until("Idle")


def test_a_node_that_refuses_fails_the_rollout():
    world = World(3, FAST, MODELS_ONLY)
    world.turn()
    world.nodes["n00"] = replace(world.nodes["n00"], models="m1", problem="self-test 0.31, needed 0.70")
    assert world.turn().breach == "node n00: self-test 0.31, needed 0.70"


def test_a_node_that_never_comes_up_fails_the_rollout():
    world = World(3, FAST, IMAGE_ONLY)
    world.turn()
    world.nodes["n00"] = replace(world.nodes["n00"], pod_ready=False)
    assert world.turn(29).breach is None
    step = world.turn(1)
    assert step.breach == "node n00 has not come up with it in 30 minutes"
    assert step.restart == ("n00",)


def test_a_person_can_ask_for_the_state_before_at_any_time():
    world = World(3, FAST, NEW)
    world.run_until("Idle")
    world.told = {"rollback": "sha256:other"}
    assert world.turn().state.phase == "Idle"
    world.told = {"rollback": NEW.digest}
    step = world.turn()
    assert (step.state.phase, step.state.message, step.breach) == ("RolledBack", "rolled back on request", None)
    world.turn(1)
    assert world.turn(1).state.updated == 0


def test_a_rollback_that_cannot_be_says_so():
    step = advance(IDLE, OLD, FAST, [at(OLD, "a")], NOW, rollback=OLD.digest)
    assert (step.state.phase, step.state.message) == ("Idle", "no state before this one is known: cannot roll back")


def test_a_spec_that_returns_in_mid_rollout_takes_the_nodes_back_and_blames_nobody():
    world = World(4, FAST, NEW)
    world.turn()
    world.turn()
    world.wanted = OLD
    step = world.turn()
    assert (step.state.phase, step.restart) == ("RolledBack", ("n00",))
    done = world.run_until("Idle")
    assert (done.state.to_digest, done.state.failed_digest) == (OLD.digest, None)
    world.wanted = NEW
    assert world.turn().state.phase == "Progressing"


def test_a_third_state_starts_with_the_nodes_that_are_off_the_stable_one():
    world = World(4, FAST, NEW)
    world.nodes = {name: world.nodes[name] for name in ("n03", "n02", "n01", "n00")}
    world.nodes["n03"] = at(NEW, "n03")
    world.state = IDLE.model_copy(
        update={"phase": "Progressing", "from_digest": OLD.digest, "from_state": OLD.pack(), "to_digest": NEW.digest}
    )
    world.wanted = Target("sha256:third", {"orin": "w3", "cpu": "v3"}, "m1")
    step = world.turn()
    assert step.restart == ("n03",)
    assert step.state.from_digest == OLD.digest


def test_outside_its_windows_nothing_new_starts():
    windows = (Window(days=("Mon",), start="22:00", end="02:00"),)
    world = World(2, FAST.model_copy(update={"windows": windows}), NEW, timezone="Europe/Berlin")
    step = world.turn()
    assert (step.state.phase, step.restart) == ("Waiting", ())
    assert step.state.message == "waiting for the window that opens Mon 22:00 (Europe/Berlin)"
    assert step.next_at == datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
    world.now = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
    assert world.turn().restart == ("n00",)
    world.now = datetime(2026, 3, 3, 1, 30, tzinfo=UTC)
    assert world.turn().models["n00"] == "new"  # who has begun, finishes
    world.turn()
    later = world.turn(30)
    assert (later.state.phase, later.state.step, later.restart) == ("Waiting", 2, ())  # 50 % of 2 nodes adds none


def test_outside_its_windows_a_rollback_does_not_wait():
    windows = (Window(days=("Mon",), start="12:00", end="12:30"),)
    world = World(2, GATED.model_copy(update={"windows": windows}), NEW)
    world.turn()
    world.turn()
    world.nodes["n00"] = replace(world.nodes["n00"], problem="boom")
    world.now = NOW + timedelta(hours=3)
    assert world.turn().restart == ("n00",)


def test_outside_its_windows_nobody_catches_up():
    windows = (Window(start="02:00", end="03:00"),)
    policy = Rollout(windows=windows)
    late = at(NEW, "a")
    step = advance(IDLE, OLD, policy, [late], NOW)
    assert (step.restart, step.models, step.next_at) == ((), {"a": "kept"}, datetime(2026, 3, 3, 2, 0, tzinfo=UTC))
    step = advance(IDLE, OLD, policy, [late], datetime(2026, 3, 3, 2, 0, tzinfo=UTC))
    assert step.restart == ("a",)


def test_an_image_that_is_not_pulled_keeps_a_node_back():
    world = World(2, FAST, NEW)
    world.nodes["n00"] = replace(world.nodes["n00"], pulled=False)
    assert world.turn().restart == ("n01",)
    world.nodes["n01"] = replace(world.nodes["n01"], pulled=False)
    lone = World(1, FAST, NEW)
    lone.nodes["n00"] = replace(lone.nodes["n00"], pulled=False)
    assert lone.turn().state.message == "node n00 has not pulled its image yet"


def test_when_the_state_before_is_not_known_a_breach_stops_and_says_so():
    world = World(2, GATED, NEW)
    world.state = RolloutStatus(phase="Progressing", to_digest=NEW.digest, from_digest="sha256:lost", from_state="?")
    world.nodes["n00"] = replace(at(NEW, "n00"), problem="boom")
    step = world.turn()
    assert step.state.phase == "Waiting"
    assert step.state.message == "node n00: boom; the state before is not known, so there is none to go back to"
    assert set(step.models.values()) <= {"new", "kept"}


def test_the_state_fits_the_wire():
    world = World(2, GATED, NEW)
    world.turn()
    assert world.state is not None
    assert RolloutStatus.model_validate(world.state.wire()) == world.state
    assert Target.unpack(world.state.from_state) == OLD
    assert Target.unpack("no target") is None
