"""The cluster as an agent needs it: its own assignment, its own report, and Secrets where it may read them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from alpr_kubernetes import Change, Client, Connection, NotFound, Object, Refused, Selection, follow
from alpr_kubernetes.kinds import ASSIGNMENTS, REPORTS, SECRETS
from alpr_schemas.resources import Condition, EdgeReport

MANAGER = "alpr-edge-agent"
RELIST_EVERY_S = 600.0


class Cluster(Protocol):
    """What the agent asks of the API server. Every call raises ApiError where the server does not answer with it."""

    def assignments(self) -> AsyncIterator[Change]:
        """This node's assignment now, then its changes, for ever."""

    async def assignment(self) -> Object:
        """This node's assignment. Raises NotFound."""

    async def put_report(self, report: EdgeReport) -> None:
        """Make the server's report equal to `report`."""

    async def secret(self, name: str) -> Object:
        """A Secret of this namespace. Raises NotFound, and Forbidden where agents may not read Secrets."""


class KubernetesCluster:
    """A Cluster on a real API server."""

    def __init__(self, client: Client, namespace: str, node: str) -> None:
        self._client = client
        self._namespace = namespace
        self._node = node
        self._owned_by: str | None = None
        self._exists = False
        self._refused_at: datetime | None = None

    def assignments(self) -> AsyncIterator[Change]:
        """See `Cluster`."""
        selection = Selection(ASSIGNMENTS, self._namespace, fields=f"metadata.name={self._node}")
        return follow(self._client, selection, relist_every_s=RELIST_EVERY_S)

    async def assignment(self) -> Object:
        """See `Cluster`."""
        return await self._client.get(ASSIGNMENTS, self._namespace, self._node)

    async def put_report(self, report: EdgeReport) -> None:
        """See `Cluster`. The object first, with its Node as owner, so that both go together; then the status."""
        try:
            await self._put(report)
        except Refused as e:
            if "sealingKey" not in e.message:
                raise
            await self._put(await self._with_pinned_key(report))

    async def _put(self, report: EdgeReport) -> None:
        uid = report.status.node_uid
        if not self._exists or uid != self._owned_by:
            await self._client.apply(REPORTS, self._manifest(_owners(self._node, uid)))
            self._exists, self._owned_by = True, uid
        try:
            await self._client.apply(REPORTS, self._manifest() | {"status": report.status.wire()}, subresource="status")
        except NotFound:
            self._exists = False  # somebody deleted it, or its Node went: the next try makes it anew
            raise

    async def _with_pinned_key(self, report: EdgeReport) -> EdgeReport:
        """`report` under the key that the server holds to, so that the rest of it still arrives; and saying so."""
        there = (await self._client.get(REPORTS, self._namespace, self._node)).get("status") or {}
        self._refused_at = self._refused_at or datetime.now(UTC)
        condition = Condition(
            type="SealingKeyAccepted",
            status="False",
            reason="KeyPinned",
            message=f"this node's key is not the one that its report pins, as after a new set-up; check that, then run:"
            f" kubectl -n {self._namespace} delete edgereport {self._node}",
            last_transition_time=self._refused_at,
        )
        status = report.status.model_copy(
            update={"sealing_key": there.get("sealingKey"), "conditions": (*report.status.conditions, condition)}
        )
        return report.model_copy(update={"status": status})

    async def secret(self, name: str) -> Object:
        """See `Cluster`."""
        return await self._client.get(SECRETS, self._namespace, name)

    def _manifest(self, metadata: dict[str, Any] | None = None) -> Object:
        return {
            "apiVersion": REPORTS.api_version,
            "kind": REPORTS.name,
            "metadata": {"name": self._node, "namespace": self._namespace, **(metadata or {})},
        }


@asynccontextmanager
async def opened(connection: Connection, namespace: str, node: str) -> AsyncIterator[Cluster]:
    """A session of `node`'s agent."""
    async with Client(connection, MANAGER, connections=4) as client:
        yield KubernetesCluster(client, namespace, node)


def _owners(node: str, uid: str | None) -> dict[str, Any]:
    if uid is None:
        return {}
    return {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid}]}
