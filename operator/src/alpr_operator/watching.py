"""kopf serves the watches and the process; here it feeds the engine, and nothing else happens in its handlers.

Settings and their reasons: docs/decisions. `on.event` alone: no change-detecting handler, no index, no finalizer, no
timer, no posting, no peering, no scanning.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import kopf

from alpr_kubernetes import Connection, Kind
from alpr_operator.engine import CHILD_SELECTOR, Engine
from alpr_operator.settings import Settings
from alpr_operator.store.store import CHILD_KINDS, KINDS

_LOGIN_AGAIN_AFTER: Final = timedelta(minutes=20)


class _NoEssence(kopf.DiffBaseStorage):
    """Nothing to compare: our handlers hear of every event.

    kopf's own storages copy each object deeply at each event, for handlers that we do not have; without it ten thousand
    cameras are taken in about a third faster.
    """

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:  # noqa: ARG002 - kopf's signature
        """An object's essence: empty."""
        return {}

    def fetch(self, *, body: Any) -> Any:  # noqa: ARG002
        """The essence that was stored on the object: none."""
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Stores nothing."""


def kopf_settings(settings: Settings) -> kopf.OperatorSettings:
    """Kopf's settings for this operator."""
    told = kopf.OperatorSettings()
    told.posting.enabled = False
    told.scanning.disabled = True
    told.peering.standalone = True
    told.watching.server_timeout = settings.watching.server_timeout_s
    told.watching.client_timeout = settings.watching.client_timeout_s
    told.watching.inactivity_timeout = settings.watching.inactivity_timeout_s
    told.watching.connect_timeout = 10
    told.watching.reconnect_backoff = 1
    told.watching.chunk_size = settings.watching.chunk_size
    for kind in CHILD_KINDS:
        told.watching.label_selectors[kind.plural] = CHILD_SELECTOR
    told.networking.request_timeout = 60
    told.networking.connect_timeout = 5
    told.networking.error_backoffs = [random.uniform(0.5, 1.5) * wait for wait in (1, 1, 2, 3, 5, 8)]  # noqa: S311
    told.networking.enforce_retry_after = True
    told.queueing.idle_timeout = 0.2
    told.queueing.exit_timeout = 1
    told.persistence.finalizer = "ovr-alpr.io/kopf"  # never set: no handler of ours asks for it
    told.persistence.diffbase_storage = _NoEssence()
    told.process.ultimate_exiting_timeout = 20
    return told


def registry_of(engine: Engine, connection: Connection) -> kopf.OperatorRegistry:
    """Handlers: one for each kind, all of them alike."""
    registry = kopf.OperatorRegistry()
    for kind in KINDS:
        group, _, version = kind.api_version.rpartition("/")
        decorate = kopf.on.event(group, version, kind.plural, registry=registry, id=f"{kind.plural}-seen")
        decorate(_handler(engine, kind))
    kopf.on.login(registry=registry)(_login(connection))
    return registry


def _handler(engine: Engine, kind: Kind) -> Callable[..., Awaitable[None]]:
    async def seen(event: Any, **_: Any) -> None:
        engine.observe(kind, event["type"], event["object"])

    return seen


def _login(connection: Connection) -> Callable[..., kopf.ConnectionInfo]:
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=connection.server,
            ca_data=connection.ca_data.encode() if connection.ca_data else None,
            insecure=not connection.verify,
            scheme="Bearer" if connection.token else None,
            token=connection.token() if connection.token else None,
            certificate_path=connection.client_cert[0] if connection.client_cert else None,
            private_key_path=connection.client_cert[1] if connection.client_cert else None,
            expiration=datetime.now(UTC) + _LOGIN_AGAIN_AFTER,
        )

    return login


async def start(engine: Engine, connection: Connection, settings: Settings, stop: asyncio.Event) -> asyncio.Task[None]:
    """Start kopf; the task ends after `stop` is set, or with an error because a watch is beyond help.

    kopf takes SIGTERM and SIGINT for itself in here; who wants them sets handlers afterwards.
    """
    before = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=registry_of(engine, connection),
        settings=kopf_settings(settings),
        clusterwide=True,
        standalone=True,
        # kopf's own guess asks who we are by name, and a container's user has none.
        identity=cast("Any", settings.identity),
        stop_flag=stop,
    )
    return asyncio.create_task(kopf.run_tasks(tasks, ignored=before), name="watching")
