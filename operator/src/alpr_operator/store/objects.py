"""What the store keeps of each object: the little that passes need, so that ten thousand cameras stay small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from alpr_kubernetes import Kind, Object
from alpr_schemas.resources import SiteSpec

PREFIX = "ovr-alpr.io/"
SITE_LABEL = PREFIX + "site"
CLASS_LABEL = PREFIX + "node-class"
DRAIN_LABEL = PREFIX + "drain"
APPLIED_HASH = PREFIX + "applied-hash"
PAUSED = PREFIX + "paused"
QUARANTINE = PREFIX + "quarantine"
ROLLBACK = PREFIX + "rollback"
REBALANCE = PREFIX + "rebalance"
DRAIN_FINALIZER = PREFIX + "drain"


class SiteKey(NamedTuple):
    """A site: its namespace and its AlprSite's name."""

    namespace: str
    name: str


class Pair(NamedTuple):
    """An object by namespace and name."""

    namespace: str
    name: str


def canonical(value: Any) -> bytes:
    """`value` as JSON that is equal for equal values."""
    # A copy: orjson's own bytes keep the kilobyte that they were written in, tens of megabytes over a fleet.
    return bytes(memoryview(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)))


@dataclass(slots=True, frozen=True)
class SeenSite:
    """An AlprSite; `problem` says why its spec cannot be used."""

    key: SiteKey
    uid: str
    version: int
    generation: int
    spec: SiteSpec | None
    problem: str | None
    paused: bool
    deleting: bool
    marks: Mapping[str, str]
    status: bytes


@dataclass(slots=True, frozen=True)
class SeenCamera:
    """A Camera; `config` is what goes to its node, canonical JSON."""

    site: SiteKey
    name: str
    uid: str
    version: int
    generation: int
    problem: str | None
    enabled: bool
    priority: int
    cost: int
    pinned: str | None
    selector: tuple[tuple[str, str], ...]
    url: str
    secret: str | None
    config: bytes
    drains: bool
    deleting_since: datetime | None
    finalizers: tuple[str, ...]
    status: bytes


@dataclass(slots=True, frozen=True)
class SeenNode:
    """A Node; `since` is when `ready` last changed."""

    name: str
    uid: str
    version: int
    labels: Mapping[str, str]
    ready: bool
    since: datetime | None
    draining: bool


@dataclass(slots=True, frozen=True)
class SeenAssignment:
    """An EdgeAssignment; `spec` as canonical JSON, parsed where a pass needs it."""

    site: SiteKey
    node: str
    uid: str
    version: int
    revision: int
    spec: bytes
    applied_hash: str | None


@dataclass(slots=True, frozen=True)
class SeenReport:
    """An EdgeReport's status as canonical JSON without the moments in it.

    Attributes:
        told: whether it has a status; one that was only just made says nothing yet.
    """

    namespace: str
    node: str
    version: int
    applied_revision: int
    node_uid: str | None
    sealing_key: str | None
    status: bytes
    told: bool = True


@dataclass(slots=True, frozen=True)
class SeenChild:
    """A child of a site as it stands on the server, without status and bookkeeping.

    Attributes:
        pods: of a DaemonSet: how many nodes have a pod, a ready pod, a pod of the newest template.
    """

    kind: Kind
    site: SiteKey
    name: str
    uid: str
    version: int
    applied_hash: str | None
    manifest: Object
    pods: tuple[int, int, int] | None
