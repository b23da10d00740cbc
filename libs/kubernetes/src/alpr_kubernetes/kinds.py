"""The kinds that we speak of, and their addresses."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of object: `api_version` such as `apps/v1`, `plural` as it stands in addresses."""

    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The address below the server; without a namespace that of all namespaces."""
        root = "/api" if "/" not in self.api_version else "/apis"
        parts = [root, self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


_ALPR = "ovr-alpr.io/v1alpha1"
_RBAC = "rbac.authorization.k8s.io/v1"

SITES = Kind(_ALPR, "AlprSite", "alprsites")
CAMERAS = Kind(_ALPR, "Camera", "cameras")
ASSIGNMENTS = Kind(_ALPR, "EdgeAssignment", "edgeassignments")
REPORTS = Kind(_ALPR, "EdgeReport", "edgereports")
NODES = Kind("v1", "Node", "nodes", namespaced=False)
NAMESPACES = Kind("v1", "Namespace", "namespaces", namespaced=False)
PODS = Kind("v1", "Pod", "pods")
SECRETS = Kind("v1", "Secret", "secrets")
SERVICE_ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")
EVENTS = Kind("events.k8s.io/v1", "Event", "events")
DAEMON_SETS = Kind("apps/v1", "DaemonSet", "daemonsets")
ROLES = Kind(_RBAC, "Role", "roles")
ROLE_BINDINGS = Kind(_RBAC, "RoleBinding", "rolebindings")
NETWORK_POLICIES = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
LEASES = Kind("coordination.k8s.io/v1", "Lease", "leases")

ALL = (
    SITES,
    CAMERAS,
    ASSIGNMENTS,
    REPORTS,
    NODES,
    NAMESPACES,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    CONFIG_MAPS,
    EVENTS,
    DAEMON_SETS,
    ROLES,
    ROLE_BINDINGS,
    NETWORK_POLICIES,
    LEASES,
)
BY_NAME = {kind.name: kind for kind in ALL}
