"""The store: all that the operator knows of the cluster, small, and by site."""

from __future__ import annotations

from alpr_operator.store.objects import (
    APPLIED_HASH,
    CLASS_LABEL,
    DRAIN_FINALIZER,
    DRAIN_LABEL,
    PAUSED,
    PREFIX,
    QUARANTINE,
    REBALANCE,
    ROLLBACK,
    SITE_LABEL,
    Pair,
    SeenAssignment,
    SeenCamera,
    SeenChild,
    SeenNode,
    SeenReport,
    SeenSite,
    SiteKey,
    canonical,
)
from alpr_operator.store.store import SiteView, Store

__all__ = [
    "APPLIED_HASH",
    "CLASS_LABEL",
    "DRAIN_FINALIZER",
    "DRAIN_LABEL",
    "PAUSED",
    "PREFIX",
    "QUARANTINE",
    "REBALANCE",
    "ROLLBACK",
    "SITE_LABEL",
    "Pair",
    "SeenAssignment",
    "SeenCamera",
    "SeenChild",
    "SeenNode",
    "SeenReport",
    "SeenSite",
    "SiteKey",
    "SiteView",
    "Store",
    "canonical",
]
