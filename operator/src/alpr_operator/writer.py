"""What passes want written goes out here: urgent before lazy, sites in turn, within the budget, each object once.

A pass hands over all that its site needs (`submit`); what waited from an earlier pass and is not wanted any more is
dropped. One object is written by one request at a time. Answers go to the store at once, so that the next pass sees
them without waiting for the watch.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from alpr_kubernetes import (
    ApiError,
    Client,
    Conflict,
    Forbidden,
    Kind,
    NotFound,
    Object,
    Throttled,
    Unavailable,
    kinds,
)
from alpr_operator.budget import Bucket, Gate
from alpr_operator.settings import Budget
from alpr_operator.store import PREFIX, SiteKey
from alpr_operator.writes import Lane, Write, WriteKey

log = structlog.get_logger(__name__)
_URGENT_AT_ONCE, _LAZY_AT_ONCE = 16, 8
_LAZY_WAITS_AT_MOST_S = 5.0
_LONGEST_PAUSE_S = 15.0
FENCE = PREFIX + "fence"


class Outcomes(Protocol):
    """Is told what became of writes."""

    def written(self, write: Write, answer: Object | None) -> None:
        """It is on the server; `answer` is the object as it is now, None for a delete."""

    def outdated(self, write: Write) -> None:
        """Another one wrote in between, or the object is gone: the site must be looked at again."""

    def settled(self, site: SiteKey) -> None:
        """No assignment of `site` is on its way any more."""

    def denied(self, write: Write, error: ApiError) -> None:
        """We lack the right."""

    def refused(self, write: Write, error: ApiError) -> None:
        """The server does not take it; trying again would not help."""


@dataclass
class _Lane:
    """Writes that wait, by site; sites take turns."""

    sites: OrderedDict[SiteKey, OrderedDict[WriteKey, Write]] = field(default_factory=OrderedDict)

    def put(self, site: SiteKey, writes: OrderedDict[WriteKey, Write]) -> None:
        if writes:
            self.sites[site] = writes
        else:
            self.sites.pop(site, None)

    def next(self, busy: Callable[[WriteKey], bool]) -> Write | None:
        for site in list(self.sites):
            waiting = self.sites[site]
            for key, write in waiting.items():
                if not busy(key):
                    del waiting[key]
                    self.sites.move_to_end(site)
                    if not waiting:
                        del self.sites[site]
                    return write
        return None

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self.sites.values())


class Writer:
    """Sends writes; run it with `run`, hand over with `submit`."""

    def __init__(self, client: Client, outcomes: Outcomes, budget: Budget) -> None:
        self._client = client
        self._outcomes = outcomes
        self._budget = budget
        self._lanes = {lane: _Lane() for lane in Lane}
        self._in_flight: dict[WriteKey, Write] = {}
        self._flying: Counter[SiteKey] = Counter()
        self._closed = False
        self._buckets = {
            True: Bucket(budget.wide_per_s, budget.wide_per_s),
            False: Bucket(budget.wide_per_s, budget.wide_per_s),
        }
        self._gate = Gate()
        self._failures = 0
        self._work = {True: asyncio.Event(), False: asyncio.Event()}
        self._urgent_idle = asyncio.Event()
        self._urgent_idle.set()

    def narrow(self) -> None:
        """The cold start is over: keep to the steady budget from now on."""
        self._buckets[True].resize(self._budget.urgent_per_s, 2 * self._budget.urgent_per_s)
        self._buckets[False].resize(self._budget.lazy_per_s, self._budget.lazy_per_s)

    def submit(self, site: SiteKey, writes: list[Write]) -> None:
        """All that `site` needs now; takes the place of what it needed before and has not been sent."""
        by_lane: dict[Lane, OrderedDict[WriteKey, Write]] = {lane: OrderedDict() for lane in Lane}
        for write in writes:
            if self._in_flight.get(write.key) != write:
                by_lane[write.lane][write.key] = write
        # Events are facts that happened: a later pass does not take them back.
        told = self._lanes[Lane.EVENT].sites.get(site, OrderedDict())
        by_lane[Lane.EVENT] = OrderedDict([*told.items(), *by_lane[Lane.EVENT].items()])
        for lane, wanted in by_lane.items():
            self._lanes[lane].put(site, wanted)
        self._wake()

    def busy(self, site: SiteKey) -> bool:
        """Whether an assignment of `site` is on its way: what stands in the store may be outdated, so no pass may plan.

        Two plans made from one state could give a camera to two nodes in one epoch.
        """
        return self._flying[site] > 0

    async def landed(self, within_s: float) -> bool:
        """Send nothing more; whether all that was on its way has been answered within `within_s`."""
        self._closed = True
        try:
            async with asyncio.timeout(within_s):
                while self._in_flight:  # noqa: ASYNC110 - the end of the process, looked at now and then
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return False
        return True

    def in_flight(self, kind: Kind, namespace: str, name: str) -> bool:
        """Whether a write to that object is on its way just now."""
        return any((kind.plural, namespace, name, part) in self._in_flight for part in ("", "status"))

    @property
    def hurried(self) -> bool:
        """Whether more assignments wait than are sent at once."""
        return len(self._lanes[Lane.ASSIGNMENT].sites) > _URGENT_AT_ONCE

    @property
    def waiting(self) -> int:
        """Writes that have not been answered yet."""
        return sum(len(lane) for lane in self._lanes.values()) + len(self._in_flight)

    async def run(self) -> None:
        """Send what is submitted, until cancelled or the Lease is lost (raises LeaseLost)."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lane_runs(group, urgent=True))
            group.create_task(self._lane_runs(group, urgent=False))

    async def _lane_runs(self, group: asyncio.TaskGroup, *, urgent: bool) -> None:
        slots = asyncio.Semaphore(_URGENT_AT_ONCE if urgent else _LAZY_AT_ONCE)
        while True:
            await slots.acquire()
            write = await self._next(urgent=urgent)
            self._in_flight[write.key] = write
            self._flying[write.site] += write.lane is Lane.ASSIGNMENT
            if wait_s := self._buckets[urgent].take():
                await asyncio.sleep(wait_s)
            group.create_task(self._send_then(write, slots))

    async def _next(self, *, urgent: bool) -> Write:
        while True:
            self._work[urgent].clear()
            if not urgent:
                await self._urgent_first()
            await self._gate.passed()
            for lane in (Lane.ASSIGNMENT,) if urgent else (Lane.CHILD, Lane.STATUS, Lane.EVENT):
                if not self._closed and (write := self._lanes[lane].next(self._in_flight.__contains__)):
                    return write
            await self._work[urgent].wait()

    async def _urgent_first(self) -> None:
        """Lazy writes wait while urgent ones do, but not for ever."""
        if self._urgent_idle.is_set():
            return
        try:
            async with asyncio.timeout(_LAZY_WAITS_AT_MOST_S):
                await self._urgent_idle.wait()
        except TimeoutError:
            return

    async def _send_then(self, write: Write, slots: asyncio.Semaphore) -> None:
        try:
            await self._send(write)
        finally:
            self._in_flight.pop(write.key, None)
            if write.lane is Lane.ASSIGNMENT:
                self._flying[write.site] -= 1
                if not self._flying[write.site]:
                    del self._flying[write.site]
                    self._outcomes.settled(write.site)
            slots.release()
            self._wake()

    async def _send(self, write: Write) -> None:
        try:
            answer = await self._request(write)
        except Unavailable as e:
            self._pause(e)
            if write.kind is kinds.ASSIGNMENTS and write.verb == "apply":
                await self._fenced(write)
            else:
                self._again(write)
        except Throttled as e:
            self._pause(e)
            self._again(write)
        except Conflict:
            self._outcomes.outdated(write)
        except NotFound:
            self._outcomes.written(write, None) if write.verb == "delete" else self._outcomes.outdated(write)
        except Forbidden as e:
            self._outcomes.denied(write, e)
        except ApiError as e:
            self._outcomes.refused(write, e)
        else:
            self._failures = 0
            self._outcomes.written(write, answer)

    async def _fenced(self, write: Write) -> None:
        """Find out what became of an assignment that was not answered, and see to it that it cannot land any more.

        A mark changes the resourceVersion, on which the lost write depends; the answer says whether it had landed.
        """
        meta = write.manifest["metadata"]
        mark = {"metadata": {"annotations": {FENCE: uuid.uuid4().hex}}}
        while True:
            await self._gate.passed()
            try:
                answer = await self._client.merge(write.kind, meta["namespace"], meta["name"], mark)
            except (Throttled, Unavailable) as e:
                self._pause(e)
            except ApiError:
                self._outcomes.outdated(write)
                return
            else:
                self._outcomes.written(write, answer)
                return

    async def _request(self, write: Write) -> Object | None:
        meta = write.manifest["metadata"]
        match write.verb:
            case "apply":
                return await self._client.apply(write.kind, write.manifest, subresource=write.subresource)
            case "create":
                return await self._client.create(write.kind, write.manifest)
            case "merge":
                return await self._client.merge(write.kind, meta.get("namespace"), meta["name"], write.manifest)
            case "delete":
                await self._client.delete(write.kind, meta.get("namespace"), meta["name"], uid=meta.get("uid"))
                return None

    def _pause(self, error: ApiError) -> None:
        self._failures += 1
        longest = min(_LONGEST_PAUSE_S, 0.2 * 2 ** min(self._failures, 10))
        self._gate.close_for(error.retry_after_s or random.uniform(longest / 2, longest))  # noqa: S311

    def _again(self, write: Write) -> None:
        """Back into its lane, unless a newer one of the same object waits there."""
        waiting = self._lanes[write.lane].sites.setdefault(write.site, OrderedDict())
        if write.key not in waiting:
            waiting[write.key] = write

    def _wake(self) -> None:
        urgent_left = bool(self._lanes[Lane.ASSIGNMENT].sites) or any(
            write.lane is Lane.ASSIGNMENT for write in self._in_flight.values()
        )
        (self._urgent_idle.clear if urgent_left else self._urgent_idle.set)()
        for event in self._work.values():
            event.set()
