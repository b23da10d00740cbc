"""A small client of the Kubernetes API: connect, get, list, follow, apply.

It knows our kinds, server-side apply and watches that survive; it does no retries of its own and holds no cache.
"""

from __future__ import annotations

from alpr_kubernetes.client import Client, Object
from alpr_kubernetes.connection import Connection, NoConnection, connect, from_kubeconfig, in_cluster
from alpr_kubernetes.errors import (
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    NotFound,
    Refused,
    Throttled,
    Unavailable,
)
from alpr_kubernetes.kinds import Kind
from alpr_kubernetes.watch import Change, Changed, Failed, Listed, Selection, follow

__all__ = [
    "ApiError",
    "Change",
    "Changed",
    "Client",
    "Conflict",
    "Connection",
    "Expired",
    "Failed",
    "Forbidden",
    "Kind",
    "Listed",
    "NoConnection",
    "NotFound",
    "Object",
    "Refused",
    "Selection",
    "Throttled",
    "Unavailable",
    "connect",
    "follow",
    "from_kubeconfig",
    "in_cluster",
]
