"""Who leads: one holder of a Lease at a time, and no write by anybody whose hold may be over.

As in client-go, the holder renews every `retry_s`; one that could not renew for `renew_within_s` ends, and others may
take a Lease that they have not seen renewed for `duration_s`, by their own clocks: machines' clocks are not compared.
A process that was stopped and goes on asks `guard` before each write, and finds its hold over before it can do harm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from alpr_kubernetes import ApiError, Client, Conflict, NotFound, Object, kinds
from alpr_operator.errors import LeaseLost
from alpr_operator.settings import LeaseSettings

log = structlog.get_logger(__name__)


class Leadership:
    """A claim to the Lease `settings.name` in `namespace`, by `identity`.

    The client must be one of its own, without `guard`, so that renewals never wait behind other writes.
    """

    def __init__(
        self,
        client: Client,
        settings: LeaseSettings,
        *,
        namespace: str,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._settings = settings
        self._namespace = namespace
        self._identity = identity
        self._clock = clock
        self._renewed_at: float | None = None
        self._seen: tuple[str, float] | None = None

    def guard(self) -> None:
        """Raise LeaseLost unless this process held the Lease a moment ago, well within its duration."""
        if self._renewed_at is None or self._clock() - self._renewed_at > self._settings.renew_within_s:
            raise LeaseLost("the Lease was not renewed in time; another replica may lead")

    @property
    def leads(self) -> bool:
        """Whether `guard` would let a write pass."""
        return self._renewed_at is not None and self._clock() - self._renewed_at <= self._settings.renew_within_s

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not await self._tried():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(self._settings.retry_s)
        log.info("lease_acquired", lease=self._settings.name, identity=self._identity)

    async def hold(self) -> None:
        """Renew until that fails for too long. Raises LeaseLost then; it never returns."""
        while True:
            await asyncio.sleep(self._settings.retry_s)
            if not await self._tried():
                self.guard()

    async def release(self) -> None:
        """Give the Lease back, so that another need not wait for its end."""
        if not self.leads:
            return
        self._renewed_at = None
        try:
            lease = await self._client.get(kinds.LEASES, self._namespace, self._settings.name)
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._client.replace(kinds.LEASES, lease)
        except ApiError as e:
            log.warning("lease_not_released", error=str(e))

    async def _tried(self) -> bool:
        started = self._clock()
        try:
            held = await self._claimed()
        except Conflict:
            held = False
        except ApiError as e:
            log.warning("lease_not_reached", error=str(e))
            held = False
        if held:
            self._renewed_at = started  # the server's clock started no earlier than our asking
        return held

    async def _claimed(self) -> bool:
        try:
            lease = await self._client.get(kinds.LEASES, self._namespace, self._settings.name)
        except NotFound:
            await self._client.create(kinds.LEASES, self._manifest())
            return True
        spec = lease["spec"]
        if spec.get("holderIdentity") not in (self._identity, "", None) and not self._expired(lease):
            self._renewed_at = None
            return False
        before = spec.get("holderIdentity")
        lease["spec"] = self._spec(spec, taken=before != self._identity)
        await self._client.replace(kinds.LEASES, lease)  # by resourceVersion: of two that try, one gets a Conflict
        return True

    def _expired(self, lease: Object) -> bool:
        """Whether the Lease has not changed, before our eyes, for its whole duration."""
        version, now = lease["metadata"]["resourceVersion"], self._clock()
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
            return False
        duration_s = float(lease["spec"].get("leaseDurationSeconds") or self._settings.duration_s)
        return now - self._seen[1] > duration_s

    def _manifest(self) -> Object:
        meta = {"name": self._settings.name, "namespace": self._namespace}
        return {
            "apiVersion": kinds.LEASES.api_version,
            "kind": "Lease",
            "metadata": meta,
            "spec": self._spec({}, taken=True),
        }

    def _spec(self, before: Object, *, taken: bool) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._settings.duration_s)),
            "acquireTime": now if taken else before.get("acquireTime", now),
            "renewTime": now,
            "leaseTransitions": before.get("leaseTransitions", 0) + int(taken),
        }
