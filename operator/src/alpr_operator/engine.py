"""The engine: what is seen goes to the store, changed sites to the queue, passes to the writer, answers to the store.

It is level-based: a pass sees the whole truth of a site, and no event needs to be handled, only to be heard of. Nothing
is written before every kind has been listed, or what has not been seen yet would be taken for gone.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import structlog

from alpr_kubernetes import ApiError, Client, Kind, NotFound, Object, kinds
from alpr_operator import metrics
from alpr_operator.credentials import Secrets
from alpr_operator.desired import APP, APP_NAME, MANAGED_BY, MANAGER
from alpr_operator.errors import LeaseLost
from alpr_operator.passes import Around, Outcome, SeenPod, SiteMemory, seen_pod, site_pass
from alpr_operator.queue import SiteQueue
from alpr_operator.settings import Settings
from alpr_operator.store import SITE_LABEL, Pair, SiteKey, Store
from alpr_operator.store.store import CHILD_KINDS, KINDS, Effect
from alpr_operator.writer import Writer
from alpr_operator.writes import Lane, Write

log = structlog.get_logger(__name__)
CHILD_SELECTOR = f"{MANAGED_BY}={MANAGER}"
_DENIED_FOR_S = 30.0
_OUTDATED_AGAIN_S = 0.3
_BARRIER_LOOK_S = 0.05
_COUNT_AGAIN_S = 0.25
_CROWDED = 4
_AUDIT_AFTER_S = 2.0
_T = TypeVar("_T")
_CONTENT_LANES = (Lane.ASSIGNMENT, Lane.CHILD)


class Engine:
    """Give it events (`observe`) and let it `run`.

    Args:
        client: its `guard` must refuse writes once the Lease may be lost.
    """

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self.store = Store()
        self.queue = SiteQueue(settings.debounce_s, on_wait=metrics.QUEUED.observe)
        self.writer = Writer(client, self, settings.budget)
        self.secrets = Secrets(client, settings.secret_poll_s, self._secret_changed)
        self._memory: dict[SiteKey, SiteMemory] = defaultdict(SiteMemory)
        self._changed_at: dict[SiteKey, float] = {}
        self._pods_wanted: set[SiteKey] = set()
        self._held_back: set[SiteKey] = set()
        self._audits: dict[Kind, float] = {}
        self.ready = asyncio.Event()
        self.steady = asyncio.Event()
        self._counts: dict[SiteKey, tuple[int, int]] = {}

    def observe(self, kind: Kind, event: str | None, raw: Object) -> None:
        """Hear of an object: `event` as watches name it, None for one that was listed."""
        metrics.EVENTS_SEEN.labels(kind.name).inc()
        meta = raw["metadata"]
        pair = Pair(meta.get("namespace", ""), meta["name"])
        if event == "DELETED":
            self._mark(self.store.remove(kind, pair, meta["uid"]))
            return
        effect = self.store.put(kind, raw)
        if event is None and self.ready.is_set():  # a list after a gap: what went meanwhile is not told
            self._audits.setdefault(kind, time.monotonic() + _AUDIT_AFTER_S)
        if effect.status_only and self.writer.in_flight(kind, *pair):
            return  # the echo of our own write; its answer will tell
        self._mark(effect)

    def _mark(self, effect: Effect) -> None:
        if not self.ready.is_set():
            return
        now = time.monotonic()
        for key in effect.sites:
            metrics.ADDS.inc()
            self.queue.mark(key, after_s=self._lazily() if effect.status_only else None)
            if not effect.status_only:
                self._changed_at.setdefault(key, now)

    async def run(self) -> None:
        """Work until cancelled. Raises LeaseLost (within an ExceptionGroup) once another may lead."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.writer.run())
            group.create_task(self.secrets.run())
            group.create_task(self._watch_the_loop())
            await self._barrier()
            for key in self.store.sites():
                self.queue.mark(key, after_s=0)
            for _ in range(self._settings.workers):
                group.create_task(self._worker())
            group.create_task(self._sweeps())
            group.create_task(self._audit_when_asked())
            group.create_task(self._narrow_when_steady())

    async def _barrier(self) -> None:
        """Wait until the store holds everything that the server lists."""
        started = time.monotonic()
        for kind in KINDS:
            if kind is kinds.CAMERAS:
                await self._cameras_seen()
                continue
            listed = await self._identities(kind)
            while not listed.items() <= self.store.identities(kind).items():
                await asyncio.sleep(_BARRIER_LOOK_S)
                if time.monotonic() - started > 30:
                    listed = await self._identities(kind)  # something may have been deleted meanwhile
                    started = time.monotonic()
        self.ready.set()
        log.info("listed", cameras=self.store.count(kinds.CAMERAS), cpu_s=round(time.process_time(), 1))

    async def _cameras_seen(self) -> None:
        """Wait until all cameras are in the store, by their number: to list them twice takes the server seconds.

        Deletions meanwhile may let the number be reached too early. A camera that nobody serves may well be seen late,
        but one that stands in an assignment would be taken for gone: such are asked for by name.
        """
        count = partial(self._client.count, kinds.CAMERAS)
        while self.store.count(kinds.CAMERAS) < await self._patiently(count):  # noqa: ASYNC110 - asks the server
            await asyncio.sleep(_COUNT_AGAIN_S)
        known = self.store.identities(kinds.CAMERAS)
        for pair in sorted(self.store.served() - known.keys()):
            await self._patiently(partial(self._asked_for, pair))

    async def _asked_for(self, camera: Pair) -> None:
        try:
            self.store.put(kinds.CAMERAS, await self._client.get(kinds.CAMERAS, *camera))
        except NotFound:
            return

    async def _patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        while True:
            try:
                return await ask()
            except ApiError as e:
                log.warning("not_answered", error=str(e))
                await asyncio.sleep(e.retry_after_s or 1.0)

    async def _identities(self, kind: Kind) -> dict[Pair, str]:
        found = await self._patiently(partial(self._client.identities, kind, labels=selector_of(kind)))
        return {Pair(*key): uid for key, uid in found.items()}

    async def _worker(self) -> None:
        while True:
            key = await self.queue.take()
            metrics.DEPTH.set(len(self.queue))
            started = time.monotonic()
            try:
                outcome = await self._passed(key)
            except LeaseLost:
                raise
            except Exception as e:  # the outermost loop: one site's poison must not stop the others
                wait_s = self.queue.failed(key)
                metrics.RETRIES.inc()
                metrics.RECONCILES.labels("site", "error").inc()
                log.exception("pass_failed", namespace=key.namespace, site=key.name, again_s=wait_s, error=str(e))
                continue
            took_s = time.monotonic() - started
            metrics.WORKED.observe(took_s)
            metrics.RECONCILE_TIME.observe(took_s)
            metrics.RECONCILES.labels("site", "success").inc()
            self.queue.done(key, outcome.next_after_s)

    async def _passed(self, key: SiteKey) -> Outcome:
        secrets = {Pair(key.namespace, c.secret) for c in self.store.view(key).cameras if c.secret}
        await self.secrets.ensure(secrets)
        pods = await self._pods(key) if key in self._pods_wanted else None
        outcome = self._thought_through(key, secrets, pods)
        if outcome is not None and outcome.pods_wanted and pods is None:
            self._pods_wanted.add(key)
            pods = await self._pods(key)
            outcome = self._thought_through(key, secrets, pods)
        if outcome is None:
            return Outcome([])
        if not outcome.pods_wanted:
            self._pods_wanted.discard(key)
        self.writer.submit(key, self._allowed(key, outcome.writes))
        metrics.WAITING.set(self.writer.waiting)
        if not any(write.lane is Lane.ASSIGNMENT for write in outcome.writes):
            self._changed_at.pop(key, None)
        self._count(key, outcome)
        return outcome

    def _thought_through(self, key: SiteKey, secrets: set[Pair], pods: dict[str, SeenPod] | None) -> Outcome | None:
        """A pass over what is seen now; None where it must wait, because an assignment of the site is on its way."""
        if self.writer.busy(key):
            self._held_back.add(key)
            return None
        known = {pair: self.secrets.get(pair) for pair in secrets}
        around = Around(self._settings, known, pods, self._memory[key], datetime.now(UTC))
        return site_pass(self.store.view(key), around)

    def _allowed(self, key: SiteKey, writes: list[Write]) -> list[Write]:
        """After a denial, children are tried only every now and then; statuses always go."""
        denied = self._memory[key].denied
        if denied is None or (datetime.now(UTC) - denied[1]).total_seconds() >= _DENIED_FOR_S:
            return writes
        self.queue.mark(key, after_s=_DENIED_FOR_S)
        return [write for write in writes if write.lane not in _CONTENT_LANES]

    async def _pods(self, key: SiteKey) -> dict[str, SeenPod]:
        """The edge pod on each node."""
        labels = f"{APP}={APP_NAME},{SITE_LABEL}={key.name}"
        pods = await self._client.list(kinds.PODS, key.namespace, labels=labels)
        pods.sort(key=lambda pod: "deletionTimestamp" not in pod["metadata"])  # one that stays wins over one that goes
        return {node: seen_pod(pod) for pod in pods if (node := pod["spec"].get("nodeName"))}

    def _count(self, key: SiteKey, outcome: Outcome) -> None:
        self._counts[key] = outcome.sites_cameras
        total = sum(count for count, _ in self._counts.values())
        assigned = sum(count for _, count in self._counts.values())
        metrics.CAMERAS.labels("true").set(assigned)
        metrics.CAMERAS.labels("false").set(total - assigned)

    def written(self, write: Write, answer: Object | None) -> None:
        """A write is on the server: the store knows at once."""
        metrics.WRITES.labels(write.kind.name, write.reason).inc()
        memory = self._memory[write.site]
        if write.lane in _CONTENT_LANES and (memory.denied or memory.refused):
            memory.denied = memory.refused = None
            self.queue.mark(write.site)
        if write.kind is kinds.ASSIGNMENTS and (since := self._changed_at.pop(write.site, None)) is not None:
            metrics.ASSIGNMENT_LAG.observe(time.monotonic() - since)
        if answer is not None and write.kind in KINDS:
            self._mark_after_own(self.store.put(write.kind, answer), write)

    def _mark_after_own(self, effect: Effect, write: Write) -> None:
        """Our own write needs another pass only where the site's state follows from it; of children nothing does.

        The answer to a status may bring what another one changed just before; the watch's word of that comes too late
        to be news, so the answer must tell.
        """
        if write.lane is Lane.STATUS:
            if not effect.status_only:
                self._mark(effect)
        elif write.kind not in CHILD_KINDS:
            for key in effect.sites:
                self.queue.mark(key, after_s=self._lazily())

    def _lazily(self) -> float:
        """How long a site may wait for a pass over what is in no hurry, in seconds.

        While assignments wait for the server, such passes would take the time that it needs, to say little.
        """
        return self.queue.lazy_s * (_CROWDED if self.writer.hurried else 1)

    def outdated(self, write: Write) -> None:
        """Another one wrote in between: look again once the watch has told."""
        self.queue.mark(write.site, after_s=_OUTDATED_AGAIN_S)

    def settled(self, site: SiteKey) -> None:
        """All assignments of the site are answered: a pass that waited for that may run."""
        if site in self._held_back:
            self._held_back.discard(site)
            self.queue.mark(site, after_s=0)

    async def landed(self, within_s: float) -> bool:
        """Write nothing more; whether all that was on its way has been answered."""
        return await self.writer.landed(within_s)

    def denied(self, write: Write, error: ApiError) -> None:
        """We lack the right there: said in the site's status, tried again every now and then."""
        log.warning("denied", namespace=write.site.namespace, site=write.site.name, error=error.message)
        if write.lane in _CONTENT_LANES:
            self._memory[write.site].denied = (error.message, datetime.now(UTC))
            self.queue.mark(write.site)

    def refused(self, write: Write, error: ApiError) -> None:
        """The server does not take it; said in the site's status, tried again at the next sweep or change."""
        log.error("refused", kind=write.kind.name, key=write.key, error=error.message)
        if write.lane in _CONTENT_LANES:
            self._memory[write.site].refused = (error.message[:300], datetime.now(UTC))

    def _secret_changed(self, pair: Pair) -> None:
        self._mark(Effect(frozenset(self.store.sites_with_secret(pair))))

    async def _sweeps(self) -> None:
        """Every so often: find what the watches did not tell, and look at each site, spread over time."""
        while True:
            await asyncio.sleep(self._settings.sweep_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
            for kind in KINDS:
                await self._audit(kind)
            self.secrets.keep_only(self.store.secrets())
            for key in self.store.sites():
                self.queue.mark(key, after_s=random.uniform(0, self._settings.sweep_s / 10))  # noqa: S311

    async def _audit_when_asked(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            now = time.monotonic()
            for kind in [kind for kind, due in self._audits.items() if due <= now]:
                del self._audits[kind]
                await self._audit(kind)

    async def _audit(self, kind: Kind) -> None:
        """Compare the store with the server: what went is taken out, what came is fetched."""
        before = self.store.identities(kind)
        listed = await self._identities(kind)
        for pair, uid in before.items():
            if listed.get(pair) != uid and self.store.identities(kind).get(pair) == uid:
                metrics.MISSED.labels(kind.name).inc()
                self._mark(self.store.remove(kind, pair, uid))
        for pair, uid in listed.items():
            if self.store.identities(kind).get(pair) != uid:
                metrics.MISSED.labels(kind.name).inc()
                await self._fetch(kind, pair)

    async def _fetch(self, kind: Kind, pair: Pair) -> None:
        try:
            self._mark(self.store.put(kind, await self._client.get(kind, pair.namespace or None, pair.name)))
        except NotFound:
            return
        except ApiError as e:
            log.warning("not_fetched", kind=kind.name, name=pair.name, error=str(e))

    async def _narrow_when_steady(self) -> None:
        """The cold start ends when nothing waits any more: from then on writes keep to the steady budget."""
        while len(self.queue) or self.writer.waiting:  # noqa: ASYNC110 - two places, looked at now and then
            await asyncio.sleep(0.25)
        self.writer.narrow()
        self.steady.set()
        log.info("steady", cameras=self.store.count(kinds.CAMERAS), cpu_s=round(time.process_time(), 1))

    async def _watch_the_loop(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.5)
            metrics.LOOP_LAG.observe(max(0.0, time.monotonic() - before - 0.5))
            metrics.DEPTH.set(len(self.queue))
            metrics.WAITING.set(self.writer.waiting)


def selector_of(kind: Kind) -> str | None:
    """Which objects of `kind` concern us; None for all."""
    return CHILD_SELECTOR if kind in CHILD_KINDS else None
