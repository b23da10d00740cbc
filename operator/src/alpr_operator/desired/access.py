"""Who the agents of a site are, what they may, and whom they may speak to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from alpr_kubernetes import Object, kinds
from alpr_operator.desired.manifests import APP, APP_NAME, Owner, child
from alpr_operator.store.objects import SITE_LABEL

_GROUP: Final = "ovr-alpr.io"
_RBAC: Final = "rbac.authorization.k8s.io"
_DEFAULT_PORTS: Final = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "onvif": 80}
# DNS apart: the API server, HTTP(S), object store, Kafka, the registry, traces.
_SINK_PORTS: Final = (80, 443, 4317, 4318, 6443, 8081, 9000, 9092, 9093, 9094)
METRICS_PORT: Final = 8001


def service_account(owner: Owner) -> Object:
    """Who the agents are; only the agent's container gets a token."""
    return child(kinds.SERVICE_ACCOUNTS, owner, owner.child_name, {"automountServiceAccountToken": False})


def role(owner: Owner, secrets: Iterable[str]) -> Object:
    """What they may: read assignments, write reports (a policy keeps each to its own node), get the named Secrets."""
    rules: list[dict[str, Any]] = [
        {"apiGroups": [_GROUP], "resources": ["edgeassignments"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [_GROUP], "resources": ["edgereports"], "verbs": ["create", "get", "patch"]},
        {"apiGroups": [_GROUP], "resources": ["edgereports/status"], "verbs": ["get", "patch"]},
    ]
    if names := sorted(set(secrets)):
        rules.append({"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]})
    return child(kinds.ROLES, owner, owner.child_name, {"rules": rules})


def role_binding(owner: Owner) -> Object:
    """Gives the role to the account."""
    content = {
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": owner.child_name},
        "subjects": [{"kind": "ServiceAccount", "name": owner.child_name, "namespace": owner.key.namespace}],
    }
    return child(kinds.ROLE_BINDINGS, owner, owner.child_name, content)


def network_policy(owner: Owner, camera_urls: Iterable[str], *, udp: bool) -> Object:
    """Out: names, API server, sinks, cameras. In: metrics to labelled namespaces, and RTP where a camera uses UDP."""
    ports = sorted({*_SINK_PORTS, *(port for url in camera_urls if (port := _port(url)))})
    ingress: list[dict[str, Any]] = [
        {
            "from": [{"namespaceSelector": {"matchLabels": {"ovr-alpr.io/monitoring": "true"}}}],
            "ports": [{"protocol": "TCP", "port": METRICS_PORT}],
        }
    ]
    if udp:
        ingress.append({"ports": [{"protocol": "UDP", "port": 1024, "endPort": 65535}]})
    dns = [{"protocol": protocol, "port": 53} for protocol in ("TCP", "UDP")]
    spec = {
        "podSelector": {"matchLabels": {APP: APP_NAME, SITE_LABEL: owner.key.name}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": [{"ports": [*dns, *({"protocol": "TCP", "port": port} for port in ports)]}],
    }
    return child(kinds.NETWORK_POLICIES, owner, owner.child_name, {"spec": spec})


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    try:
        return parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
