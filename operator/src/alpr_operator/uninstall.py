"""Before the operator goes for good: no finalizer of ours may outlive it, or what carries one could never be deleted.

The chart's pre-delete hook runs this. First the Deployment is scaled to none and its Lease taken: an operator that
still runs would put the finalizers back.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from alpr_kubernetes import Client, Conflict, Kind, NotFound, Object, connect, kinds
from alpr_operator.lease import Leadership
from alpr_operator.settings import Settings
from alpr_operator.store import DRAIN_FINALIZER

log = structlog.get_logger(__name__)
DEPLOYMENTS: Final = Kind("apps/v1", "Deployment", "deployments")
_AT_ONCE: Final = 16
_TRIES: Final = 5


async def retire(settings: Settings, deployment: str | None, *, within_s: float) -> int:
    """Stop the operator and take its finalizers off; how many cameras had one.

    Raises TimeoutError where the operator that leads has not let its Lease go within `within_s`, and ApiError.
    """
    connection = connect(settings.kubeconfig)
    namespace = settings.namespace or connection.namespace
    async with Client(connection, "alpr-operator", connections=_AT_ONCE) as client:
        if deployment is not None:
            await _stopped(client, namespace, deployment)
        if not settings.lease.enabled:
            return await _taken_off(client)
        leadership = Leadership(client, settings.lease, namespace=namespace, identity=settings.identity)
        async with asyncio.timeout(within_s):
            await leadership.acquire()
        try:
            return await _taken_off(client)
        finally:
            await leadership.release()


async def _stopped(client: Client, namespace: str, deployment: str) -> None:
    try:
        await client.merge(DEPLOYMENTS, namespace, deployment, {"spec": {"replicas": 0}}, subresource="scale")
    except NotFound:
        log.info("deployment_gone", namespace=namespace, deployment=deployment)


async def _taken_off(client: Client) -> int:
    found = [camera for camera in await client.list(kinds.CAMERAS) if DRAIN_FINALIZER in _finalizers(camera)]
    for start in range(0, len(found), _AT_ONCE):
        await asyncio.gather(*(_released(client, camera) for camera in found[start : start + _AT_ONCE]))
    log.info("finalizers_taken_off", cameras=len(found))
    return len(found)


async def _released(client: Client, camera: Object) -> None:
    """Take ours off; others' stay, and an object that changes meanwhile is looked at again."""
    namespace, name = camera["metadata"]["namespace"], camera["metadata"]["name"]
    for _ in range(_TRIES):
        kept = [one for one in _finalizers(camera) if one != DRAIN_FINALIZER]
        meta = {"finalizers": kept, "resourceVersion": camera["metadata"]["resourceVersion"]}
        try:
            await client.merge(kinds.CAMERAS, namespace, name, {"metadata": meta})
        except NotFound:
            return
        except Conflict:
            try:
                camera = await client.get(kinds.CAMERAS, namespace, name)
            except NotFound:
                return
        else:
            return
    raise TimeoutError(f"Camera {namespace}/{name} changes faster than its finalizer can be taken off; run this again")


def _finalizers(camera: Object) -> list[str]:
    return list(camera["metadata"].get("finalizers") or ())
