"""What holds of every plan, whatever the site looks like."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alpr_operator.plan import CameraFacts, Held, NodeFacts, Plan, Policy, Released, plan

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
usual = settings(max_examples=60)
LABELS = st.sampled_from([{}, {"gate": "north"}, {"gate": "south"}])
NAMES = [f"n{i}" for i in range(6)]


@dataclass(frozen=True)
class Site:
    cameras: list[CameraFacts]
    nodes: list[NodeFacts]
    held: list[Held]
    released: list[Released]
    policy: Policy

    def plan(self, **changed: object) -> Plan:
        told = replace(self, **changed)  # type: ignore[arg-type]
        return plan(told.cameras, told.nodes, told.held, told.released, told.policy, NOW, {})

    def camera(self, name: str) -> CameraFacts:
        return next(one for one in self.cameras if one.name == name)

    def node(self, name: str) -> NodeFacts | None:
        return next((one for one in self.nodes if one.name == name), None)


policies = st.builds(
    Policy,
    spread=st.booleans(),
    sticky=st.just(True),
    reserve_percent=st.sampled_from([0, 10, 30]),
    max_moves_per_minute=st.sampled_from([1, 3, 30]),
    failover_enabled=st.booleans(),
    failover_after=st.just(timedelta(minutes=10)),
    rebalance=st.booleans(),
)


@st.composite
def node_sets(draw: st.DrawFn, *, healthy: bool = False) -> list[NodeFacts]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    nodes = []
    for name in names:
        ready = healthy or draw(st.integers(0, 3)) > 0
        off = None if ready else NOW - timedelta(seconds=draw(st.sampled_from([30, 599, 600, 5000])))
        nodes.append(
            NodeFacts(
                name=name,
                uid=name + draw(st.sampled_from(["", "", "", "-new"])),
                units=draw(st.integers(1, 12)),
                labels=draw(LABELS),
                ready=ready,
                offline_since=off,
                draining=not healthy and draw(st.integers(0, 4)) == 0,
                applied_revision=draw(st.integers(0, 2)),
                max_cameras=draw(st.sampled_from([2, 64])),
            )
        )
    return nodes


@st.composite
def camera_sets(draw: st.DrawFn, *, free: bool = False) -> list[CameraFacts]:
    cameras = []
    for i in range(draw(st.integers(1, 9))):
        wish = 0 if free else draw(st.integers(0, 7))
        cameras.append(
            CameraFacts(
                name=f"c{i}",
                uid=f"u{i}",
                cost=draw(st.integers(1, 5)),
                priority=draw(st.sampled_from([1, 100, 100, 500])),
                pinned=draw(st.sampled_from(NAMES)) if wish == 1 else None,
                selector=(("gate", "north"),) if wish == 2 else (),
                enabled=wish != 3,
                epoch=draw(st.sampled_from([0, 0, 4])),
                last_node=draw(st.sampled_from([None, *NAMES])),
            )
        )
    return cameras


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """Any site, also ones that no planner would have made: overfull nodes, two holders, entries of deleted cameras."""
    cameras, nodes = draw(camera_sets()), draw(node_sets())
    held, released = [], []
    moments = st.integers(0, 120).map(lambda seconds: NOW - timedelta(seconds=seconds))
    for one in [*cameras, CameraFacts("deleted", "u-deleted", 1)]:
        for where in draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True)):
            epoch, since = draw(st.integers(1, 3)), draw(moments)
            if draw(st.booleans()):
                held.append(Held(one.name, one.uid, where, where, epoch, since))
            else:
                to = draw(st.sampled_from([None, *NAMES]))
                released.append(Released(one.name, one.uid, where, epoch, to, since, draw(st.integers(1, 3))))
    return Site(cameras, nodes, held, released, draw(policies))


def load(site: Site, told: Plan, node: str) -> int:
    return sum(site.camera(name).cost for name, held in told.placed.items() if held.node == node)


def came(site: Site, told: Plan) -> list[Held]:
    """Cameras that are somewhere where they were not before."""
    before = {(held.camera, held.uid, held.node) for held in site.held}
    return [held for held in told.placed.values() if (held.camera, held.uid, held.node) not in before]


@usual
@given(sites())
def test_11_planner_never_loads_a_node_above_its_capacity(site):
    told = site.plan()
    counts = Counter(held.node for held in told.placed.values())
    for node in site.nodes:
        if node.ready and any(other.ready for other in site.nodes):
            assert load(site, told, node.name) <= node.units
            assert counts[node.name] <= node.max_cameras
    for held in came(site, told):
        node = site.node(held.node)
        assert node is not None
        assert load(site, told, node.name) <= node.units * (100 - site.policy.reserve_percent) / 100


@usual
@given(sites(), st.randoms(use_true_random=False))
def test_11_planner_is_deterministic_whatever_the_order(site: Site, chance: random.Random):
    def shuffled(items: list) -> list:
        return chance.sample(items, len(items))

    again = site.plan(
        cameras=shuffled(site.cameras),
        nodes=shuffled(site.nodes),
        held=shuffled(site.held),
        released=shuffled(site.released),
    )
    assert again == site.plan()


@usual
@given(sites())
def test_11_planner_is_sticky(site):
    told = site.plan(policy=replace(site.policy, rebalance=False))
    leavers = {move.camera: move for move in told.moves}
    for held in told.placed.values():
        if held.camera in leavers:
            assert leavers[held.camera].why in ("failover", "gone")
    for move in told.moves:
        camera, source = site.camera(move.camera), site.node(move.source)
        fits = source is not None and camera.pinned in (None, source.name)
        fits = fits and all(source.labels.get(key) == value for key, value in camera.selector)
        well = source is not None and source.ready and not source.draining and fits
        assert not well or move.why in ("shed", "displaced")


@usual
@given(sites(), st.integers(1, 12))
def test_11_planner_moves_nothing_when_a_node_joins_unasked(site, units):
    assume(any(node.ready for node in site.nodes))  # one that joins a dark site brings light
    policy = replace(site.policy, rebalance=False, max_moves_per_minute=1000)
    settled = _settled(replace(site, policy=policy))
    joined = NodeFacts("joined", "joined", units, {}, ready=True, offline_since=None)
    told = settled.plan(nodes=[*settled.nodes, joined])
    before = settled.plan()
    stuck = set(before.unplaced)
    for name, held in before.placed.items():
        if name not in stuck:
            assert told.placed[name] == held


@usual
@given(camera_sets(free=True), st.integers(2, 5), st.integers(20, 60))
def test_11_planner_moves_about_one_in_n_when_a_node_joins_and_a_balance_is_asked_for(cameras, count, units):
    nodes = [NodeFacts(f"n{i}", f"n{i}", units, {}, ready=True, offline_since=None) for i in range(count)]
    policy = Policy(True, True, 0, 1000, True, timedelta(minutes=10), rebalance=True)
    before = _settled(Site(cameras, nodes, [], [], policy))
    joined = NodeFacts("z", "z", units, {}, ready=True, offline_since=None)
    told = before.plan(nodes=[*nodes, joined])
    costs = {camera.name: camera.cost for camera in cameras}
    moved = sum(costs[move.camera] for move in told.moves)
    assert moved <= sum(costs.values()) / (count + 1) + 2 * max(costs.values())
    after = _settled(replace(before, nodes=[*nodes, joined]))
    shares = [load(after, after.plan(), node.name) for node in after.nodes]
    assert max(shares) - min(shares) <= max(costs.values())


@usual
@given(sites())
def test_11_planner_keeps_to_priority_order(site):
    """No camera waits while less important ones fill a place that it could have, once all moves have been made."""
    site = _settled(replace(site, policy=replace(site.policy, max_moves_per_minute=1000)))
    told = site.plan()
    open_nodes = [node for node in site.nodes if node.ready and not node.draining]
    for name in set(told.unplaced) - set(told.placed):
        camera = site.camera(name)
        if not camera.enabled or told.unplaced[name].code == "Releasing":
            continue
        for node in open_nodes:
            if camera.pinned not in (None, node.name) or not set(camera.selector) <= set(node.labels.items()):
                continue
            there = [site.camera(one) for one, held in told.placed.items() if held.node == node.name]
            firm = [one for one in there if one.priority >= camera.priority]
            limit = node.units * (100 - site.policy.reserve_percent) // 100
            assert sum(one.cost for one in firm) + camera.cost > limit or len(firm) >= node.max_cameras


@usual
@given(sites())
def test_11_planner_honours_pins_and_selectors(site):
    told = site.plan()
    for held in came(site, told):
        camera, node = site.camera(held.camera), site.node(held.node)
        assert node is not None
        assert node.ready
        assert not node.draining
        assert camera.pinned in (None, held.node)
        assert all(node.labels.get(key) == value for key, value in camera.selector)


@usual
@given(sites())
def test_11_planner_gives_each_camera_a_place_or_a_reason(site):
    told = site.plan()
    for camera in site.cameras:
        assert camera.name in told.placed or camera.name in told.unplaced
        assert camera.enabled or camera.name not in told.placed
    names = {camera.name for camera in site.cameras}
    assert told.placed.keys() <= names
    assert told.unplaced.keys() <= names


@usual
@given(sites())
def test_11_planner_keeps_a_dark_site_as_it_is(site):
    nodes = [replace(node, ready=False, offline_since=NOW - timedelta(hours=1)) for node in site.nodes]
    told = site.plan(nodes=nodes)
    assert told.moves == ()
    assert came(site, told) == []
    assert told.next_at is None


@usual
@given(sites())
def test_11_planner_breaks_before_it_makes(site):
    """A camera comes to a node only when every other that had it let go, is lost, or is gone; always as a new epoch."""
    told = site.plan()
    known = [*site.held, *site.released]
    for held in came(site, told):
        past = [one for one in known if (one.camera, one.uid) == (held.camera, held.uid)]
        assert held.epoch > max([one.epoch for one in past] + [site.camera(held.camera).epoch])
        entries = [one for one in told.released if one.camera == held.camera and one.node != held.node]
        for entry in entries:
            node = site.node(entry.node)
            lost = node is None or _lost(node, site.policy)
            assert lost or node.applied_revision >= entry.revision


@usual
@given(sites())
def test_11_planner_forgets_no_epoch(site):
    """Of every camera that still exists, the highest epoch stands in what is to be written, or its status has it."""
    told = site.plan()
    for camera in site.cameras:
        known = [
            one.epoch for one in [*site.held, *site.released] if (one.camera, one.uid) == (camera.name, camera.uid)
        ]
        kept = [one.epoch for one in told.released if one.camera == camera.name]
        kept += [told.placed[camera.name].epoch] if camera.name in told.placed else []
        assert max([*kept, camera.epoch]) >= max(known, default=0)


@usual
@given(sites())
def test_11_planner_keeps_to_the_moves_a_minute(site):
    policy = replace(site.policy, failover_enabled=True)
    told = site.plan(policy=policy)
    lately = set()
    for one in [*site.held, *site.released]:
        camera = next((camera for camera in site.cameras if (camera.name, camera.uid) == (one.camera, one.uid)), None)
        moved = isinstance(one, Released) or one.epoch > 1
        if camera is not None and camera.enabled and moved and one.since > NOW - timedelta(seconds=60):
            lately.add(one.camera)
    new = {move.camera for move in told.moves if move.why != "shed" and (move.target or move.why == "displaced")}
    assert len(new - lately) <= max(0, policy.max_moves_per_minute - len(lately & _alive(site, lately)))


def _alive(site: Site, names: set[str]) -> set[str]:
    """Of `names`, those whose latest place or release still counts: not those of a holder that lost to a newer one."""
    alive = set()
    for name in names:
        camera = site.camera(name)
        mine = [one for one in [*site.held, *site.released] if (one.camera, one.uid) == (name, camera.uid)]
        top = max(one.epoch for one in mine)
        newest = [one for one in mine if one.epoch == top or isinstance(one, Released)]
        if all(
            one.since > NOW - timedelta(seconds=60) and (isinstance(one, Released) or one.epoch > 1) for one in newest
        ):
            alive.add(name)
    return alive


@usual
@given(sites())
def test_a_settled_site_stays_as_it_is(site):
    """What was written once is not written again: a restarted operator finds nothing to do."""
    site = _settled(replace(site, policy=replace(site.policy, max_moves_per_minute=1000)))
    told = site.plan()
    assert list(told.placed.values()) == sorted(site.held, key=lambda held: held.camera)
    assert list(told.released) == site.released
    assert (told.moves, told.arrived) == ((), {})


def _lost(node: NodeFacts, policy: Policy) -> bool:
    if node.ready or node.offline_since is None or not policy.failover_enabled:
        return False
    return NOW - node.offline_since >= policy.failover_after


def _settled(site: Site) -> Site:
    """The site after as many passes as it takes, with agents that acknowledge at once."""
    for _ in range(40):
        told = site.plan()
        held, released = list(told.placed.values()), list(told.released)
        if held == site.held and released == site.released:
            return site
        nodes = [replace(node, applied_revision=99) for node in site.nodes]
        site = replace(site, held=held, released=released, nodes=nodes)
    assume(False)
    return site
