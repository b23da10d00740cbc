"""What a site shall have on the server: same input, same manifests; no client, no clock, no environment."""

from __future__ import annotations

from alpr_operator.desired.access import network_policy, role, role_binding, service_account
from alpr_operator.desired.assignments import NodeWork, Serving, content_of, manifest_of, wire_time
from alpr_operator.desired.daemon_sets import WORKLOAD, Nodes, daemon_set, workload_of
from alpr_operator.desired.manifests import APP, APP_NAME, MANAGED_BY, MANAGER, Owner, covers, digest
from alpr_operator.desired.node_classes import SHIPPED, EdgeClass, class_of, node_classes, overlapping

__all__ = [
    "APP",
    "APP_NAME",
    "MANAGED_BY",
    "MANAGER",
    "SHIPPED",
    "WORKLOAD",
    "EdgeClass",
    "NodeWork",
    "Nodes",
    "Owner",
    "Serving",
    "class_of",
    "content_of",
    "covers",
    "daemon_set",
    "digest",
    "manifest_of",
    "network_policy",
    "node_classes",
    "overlapping",
    "role",
    "role_binding",
    "service_account",
    "wire_time",
    "workload_of",
]
