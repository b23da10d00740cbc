"""Secrets that an assignment names without a sealed box: read by `get`, again every few minutes, where that is allowed.

Where the site seals its credentials, agents have no right to read Secrets: a refusal is taken for the answer for half a
minute, and for twice as long each further time, up to ten minutes. A right that comes later is found by that.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

import structlog

from alpr_edge_agent.agent.cluster import Cluster
from alpr_edge_agent.agent.credentials import CredentialProblem, login_of_secret
from alpr_edge_agent.agent.intake import Intake
from alpr_edge_agent.sources import Login
from alpr_kubernetes import ApiError, Forbidden, NotFound

EVERY_S = 300.0
REFUSED_EVERY_S = 30.0
DENIED_FIRST_S, DENIED_MOST_S = 30.0, 600.0
NEW_WITHIN_S = 5.0
LOOK_EVERY_S = 5.0
log = structlog.get_logger(__name__)


class SecretReader:
    """Reads Secrets and hands them to the credentials' keeper."""

    def __init__(self, cluster: Cluster, intake: Intake) -> None:
        self._cluster = cluster
        self._intake = intake
        self._known: set[str] = set()
        self._denied_until_s = float("-inf")
        self._denials = 0

    async def read_new(self, names: Iterable[str]) -> None:
        """Read those of `names` that were never read, so that a camera starts with its password; gives up soon."""
        try:
            async with asyncio.timeout(NEW_WITHIN_S):
                for name in sorted(set(names) - self._known):
                    await self._read(name)
        except TimeoutError:
            log.warning("secrets_not_read_in_time")

    async def keep(self, hurried: Callable[[], bool]) -> None:
        """Read again what is needed, for ever; every half minute while `hurried`."""
        while True:
            waited_s, spread = 0.0, random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
            while waited_s < (REFUSED_EVERY_S if hurried() else EVERY_S) * spread:
                await asyncio.sleep(LOOK_EVERY_S)
                waited_s += LOOK_EVERY_S
            for name in sorted(await asyncio.to_thread(self._intake.secrets_in_force)):
                await self._read(name)
            await asyncio.to_thread(self._intake.recover)

    async def _read(self, name: str) -> None:
        if time.monotonic() < self._denied_until_s:
            return
        result: Login | CredentialProblem
        try:
            result = login_of_secret(name, await self._cluster.secret(name))
        except CredentialProblem as e:
            result = e
        except NotFound:
            result = CredentialProblem(f"there is no Secret {name} here; create it with the keys username and password")
        except Forbidden:
            self._denied_until_s = time.monotonic() + min(DENIED_MOST_S, DENIED_FIRST_S * 2**self._denials)
            self._denials = min(self._denials + 1, 10)
            return
        except ApiError as e:
            log.warning("secret_not_read", secret=name, status=e.status)
            return
        self._denials = 0
        self._known.add(name)
        self._intake.credentials.secret_read(name, result)
