"""The Lease: one leader, whatever is paused, slow or killed; on a server of ours that knows nothing but one object."""

import asyncio

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alpr_kubernetes import Conflict, NotFound, Unavailable
from alpr_operator.errors import LeaseLost
from alpr_operator.lease import Leadership
from alpr_operator.settings import LeaseSettings

SETTINGS = LeaseSettings(duration_s=15, renew_within_s=10, retry_s=2)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Server:
    """A Lease with optimistic locking."""

    def __init__(self):
        self.lease = None
        self.version = 0
        self.down = False

    async def get(self, kind, namespace, name):
        if self.down:
            raise Unavailable(0, "NoAnswer", "down")
        if self.lease is None:
            raise NotFound(404, "NotFound", "")
        return {"metadata": {"name": name, "resourceVersion": str(self.version)}, "spec": dict(self.lease)}

    async def create(self, kind, manifest):
        if self.lease is not None:
            raise Conflict(409, "AlreadyExists", "")
        self.lease, self.version = dict(manifest["spec"]), self.version + 1

    async def replace(self, kind, manifest):
        if self.down:
            raise Unavailable(0, "NoAnswer", "down")
        if manifest["metadata"]["resourceVersion"] != str(self.version):
            raise Conflict(409, "Conflict", "")
        self.lease, self.version = dict(manifest["spec"]), self.version + 1


def leadership(server, clock, identity):
    return Leadership(server, SETTINGS, namespace="ns", identity=identity, clock=clock)


def tried(leader):
    return asyncio.run(leader._tried())


def test_10_the_first_leads_and_the_second_waits():
    server, clock = Server(), Clock()
    one, two = leadership(server, clock, "one"), leadership(server, clock, "two")
    assert tried(one)
    assert not tried(two)
    one.guard()
    with pytest.raises(LeaseLost):
        two.guard()


def test_10_a_lease_that_nobody_renews_is_taken_after_its_duration_by_the_takers_own_clock():
    server, clock = Server(), Clock()
    one, two = leadership(server, clock, "one"), leadership(server, clock, "two")
    assert tried(one)
    assert not tried(two)
    clock.now += 15.5
    assert tried(two)
    two.guard()


def test_10_a_leader_that_was_paused_finds_its_hold_over_before_it_writes():
    server, clock = Server(), Clock()
    one = leadership(server, clock, "one")
    assert tried(one)
    clock.now += 60
    with pytest.raises(LeaseLost):
        one.guard()


def test_a_released_lease_is_taken_at_once():
    server, clock = Server(), Clock()
    one, two = leadership(server, clock, "one"), leadership(server, clock, "two")
    assert tried(one)
    assert not tried(two)
    asyncio.run(one.release())
    assert not one.leads
    assert tried(two)
    assert server.lease["leaseTransitions"] == 2


def test_a_leader_that_cannot_renew_ends():
    server, clock = Server(), Clock()
    one = leadership(server, clock, "one")
    assert tried(one)
    server.down = True
    clock.now += 9
    assert not tried(one)
    one.guard()
    clock.now += 2
    assert not tried(one)
    with pytest.raises(LeaseLost):
        one.guard()


class Replicas(RuleBasedStateMachine):
    """Three replicas that try, stop and go on as they like: never may two of them write."""

    def __init__(self):
        super().__init__()
        self.server, self.clock = Server(), Clock()
        self.replicas = [leadership(self.server, self.clock, f"r{n}") for n in range(3)]

    @rule(who=st.integers(0, 2))
    def tries(self, who):
        tried(self.replicas[who])

    @rule(who=st.integers(0, 2))
    def releases(self, who):
        asyncio.run(self.replicas[who].release())

    @rule(seconds=st.floats(0.1, 20))
    def time_goes_by(self, seconds):
        self.clock.now += seconds

    @rule(down=st.booleans())
    def server_comes_and_goes(self, down):
        self.server.down = down

    @invariant()
    def at_most_one_writes(self):
        assert sum(replica.leads for replica in self.replicas) <= 1


Replicas.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
test_10_never_two_leaders = Replicas.TestCase
