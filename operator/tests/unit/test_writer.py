"""The writer: urgent first, sites in turn, one object once, and patience when the server asks for it."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_kubernetes import Conflict, Forbidden, NotFound, Refused, Throttled, Unavailable, kinds
from alpr_operator.budget import Bucket
from alpr_operator.settings import Budget
from alpr_operator.store import SiteKey
from alpr_operator.writer import Writer
from alpr_operator.writes import Lane, Write

A, B = SiteKey("a", "a"), SiteKey("b", "b")


def write(site, name, lane=Lane.STATUS, value=1, verb="apply"):
    kind = kinds.ASSIGNMENTS if lane is Lane.ASSIGNMENT else kinds.CAMERAS
    return Write(verb, kind, {"metadata": {"name": name, "namespace": site.namespace}, "value": value}, lane, site)


class Server:
    """Our client's two verbs, with answers as told."""

    def __init__(self):
        self.sent = []
        self.errors = {}
        self.hold = asyncio.Event()
        self.hold.set()
        self.open = Counter()
        self.marks = []

    async def apply(self, kind, manifest, subresource=None):
        name = manifest["metadata"]["name"]
        self.open[name] += 1
        assert self.open[name] == 1, "one object, two requests at once"
        self.sent.append((manifest["metadata"]["namespace"], name, manifest.get("value")))
        await self.hold.wait()
        self.open[name] -= 1
        if errors := self.errors.get(name):
            raise errors.pop(0)
        return manifest

    async def merge(self, kind, namespace, name, patch):
        assert "ovr-alpr.io/fence" in patch["metadata"]["annotations"]
        self.sent.append((namespace, f"fence {name}", None))
        if error := self.marks.pop(0):
            raise error
        return {"metadata": {"name": name}}

    async def delete(self, kind, namespace, name, uid=None):
        self.sent.append((namespace, name, "deleted"))
        raise NotFound(404, "NotFound", "gone")


class Told:
    def __init__(self):
        self.outcomes = []

    def written(self, write, answer):
        self.outcomes.append(("written", write.key[2]))

    def outdated(self, write):
        self.outcomes.append(("outdated", write.key[2]))

    def settled(self, site):
        self.outcomes.append(("settled", site.name))

    def denied(self, write, error):
        self.outcomes.append(("denied", write.key[2]))

    def refused(self, write, error):
        self.outcomes.append(("refused", write.key[2]))


def ran(scenario, **budget):
    async def main():
        server, told = Server(), Told()
        writer = Writer(server, told, Budget(**{"wide_per_s": 10_000, **budget}))
        running = asyncio.create_task(writer.run())
        try:
            await asyncio.wait_for(scenario(writer, server, told), 5)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return server, told

    return asyncio.run(main())


async def idle(writer):
    while writer.waiting:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def test_assignments_go_before_statuses():
    async def scenario(writer, server, told):
        server.hold.clear()
        writer.submit(A, [write(A, f"c{n}") for n in range(20)])
        writer.submit(B, [write(B, "n1", Lane.ASSIGNMENT)])
        await asyncio.sleep(0.01)
        server.hold.set()
        await idle(writer)

    server, _ = ran(scenario)
    assert server.sent[0][1] == "n1"
    assert len(server.sent) == 21


def test_sites_take_turns():
    async def scenario(writer, server, told):
        writer.submit(A, [write(A, f"a{n}") for n in range(50)])
        writer.submit(B, [write(B, "b1")])
        await idle(writer)

    server, _ = ran(scenario)
    assert [name for _, name, _ in server.sent].index("b1") < 12


def test_a_site_is_busy_until_its_assignments_are_answered():
    async def scenario(writer, server, told):
        server.hold.clear()
        writer.submit(A, [write(A, "n1", Lane.ASSIGNMENT), write(A, "n2", Lane.ASSIGNMENT)])
        writer.submit(B, [write(B, "c1")])
        await asyncio.sleep(0.01)
        assert writer.busy(A)
        assert not writer.busy(B)
        server.hold.set()
        await idle(writer)
        assert not writer.busy(A)

    _, told = ran(scenario)
    assert told.outcomes.count(("settled", "a")) == 1


def test_07_an_assignment_that_was_not_answered_is_fenced_before_anybody_plans_again():
    async def scenario(writer, server, told):
        server.errors["n1"] = [Unavailable(0, "NoAnswer", "")]
        server.marks = [Unavailable(0, "NoAnswer", ""), None]
        writer.submit(A, [write(A, "n1", Lane.ASSIGNMENT)])
        await asyncio.sleep(0.01)
        assert writer.busy(A)
        await idle(writer)

    server, told = ran(scenario)
    assert [name for _, name, _ in server.sent] == ["n1", "fence n1", "fence n1"]
    assert told.outcomes == [("written", "n1"), ("settled", "a")]


def test_a_writer_that_is_to_end_sends_nothing_more_and_says_when_all_is_answered():
    async def scenario(writer, server, told):
        server.hold.clear()
        writer.submit(A, [write(A, "n1", Lane.ASSIGNMENT)])
        await asyncio.sleep(0.01)
        assert not await writer.landed(0.05)
        writer.submit(A, [write(A, "n2", Lane.ASSIGNMENT)])
        server.hold.set()
        assert await writer.landed(2)

    server, _ = ran(scenario)
    assert [name for _, name, _ in server.sent] == ["n1"]


def test_a_newer_pass_takes_the_place_of_what_waits():
    async def scenario(writer, server, told):
        writer.submit(A, [write(A, "c1", value="old"), write(A, "c2")])
        writer.submit(A, [write(A, "c1", value="new")])
        await idle(writer)

    server, _ = ran(scenario)
    assert server.sent == [("a", "c1", "new")]


def test_what_is_on_its_way_is_not_sent_twice():
    async def scenario(writer, server, told):
        server.hold.clear()
        writer.submit(A, [write(A, "c1")])
        await asyncio.sleep(0.01)
        writer.submit(A, [write(A, "c1")])
        server.hold.set()
        await idle(writer)

    server, _ = ran(scenario)
    assert len(server.sent) == 1


def test_a_change_to_what_is_on_its_way_follows_it():
    async def scenario(writer, server, told):
        server.hold.clear()
        writer.submit(A, [write(A, "c1", value=1)])
        await asyncio.sleep(0.01)
        writer.submit(A, [write(A, "c1", value=2)])
        await asyncio.sleep(0.01)
        server.hold.set()
        await idle(writer)

    server, _ = ran(scenario)
    assert [value for *_, value in server.sent] == [1, 2]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Conflict(409, "Conflict", ""), "outdated"),
        (NotFound(404, "NotFound", ""), "outdated"),
        (Forbidden(403, "Forbidden", ""), "denied"),
        (Refused(422, "Invalid", ""), "refused"),
    ],
)
def test_each_answer_has_its_outcome_and_disturbs_no_other(error, outcome):
    async def scenario(writer, server, told):
        server.errors["bad"] = [error]
        writer.submit(A, [write(A, "bad"), write(A, "good")])
        await idle(writer)

    _, told = ran(scenario)
    assert sorted(told.outcomes) == sorted([(outcome, "bad"), ("written", "good")])


def test_deleting_what_is_gone_is_done():
    async def scenario(writer, server, told):
        writer.submit(A, [write(A, "c1", Lane.CHILD, verb="delete")])
        await idle(writer)

    _, told = ran(scenario)
    assert told.outcomes == [("written", "c1")]


@pytest.mark.parametrize("error", [Throttled(429, "", "", 0.05), Unavailable(0, "NoAnswer", "")])
def test_34_a_server_that_asks_to_wait_is_waited_for_and_nothing_is_lost(error):
    async def scenario(writer, server, told):
        server.errors["c1"] = [error, error]
        writer.submit(A, [write(A, "c1"), write(A, "c2")])
        await idle(writer)

    server, told = ran(scenario)
    assert sorted(told.outcomes) == [("written", "c1"), ("written", "c2")]
    assert [name for _, name, _ in server.sent].count("c1") == 3


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200), st.integers(1, 100), st.integers(1, 200))
def test_a_bucket_never_lets_out_more_than_rate_and_burst(gaps, rate, burst):
    clock = Clock()
    bucket = Bucket(rate, burst, clock)
    leaves = []
    for gap in gaps:
        clock.now += gap
        leaves.append(clock.now + bucket.take())
    for n, left in enumerate(leaves):
        assert n + 1 <= burst + rate * left + 1e-6


def test_a_bucket_that_gets_narrow_forgets_what_it_saved():
    clock = Clock()
    bucket = Bucket(1000, 1000, clock)
    bucket.resize(10, 1)
    assert bucket.take() == 0
    assert bucket.take() == pytest.approx(0.1)
