"""What a new site needs, the same objects that chart alpr-site makes (a test compares them). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from alpr_operator.kube.kubectl import Object

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class NewSite:
    """A site to be.

    Attributes:
        operator: the operator's ServiceAccount, and the first part of its ClusterRoles' names.
    """

    name: str
    namespace: str
    operator: str = "alpr-operator"
    operator_namespace: str = "alpr-system"
    timezone: str | None = None
    display_name: str | None = None


def name_problem(name: str) -> str:
    """Why `name` cannot name a site and its namespace; empty where it can."""
    if _NAME.fullmatch(name):
        return ""
    return f"{name!r} cannot name a site; use 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends"


def manifests(site: NewSite, *, access_only: bool = False) -> list[Object]:
    """Namespace, RoleBinding and AlprSite; `access_only` leaves the AlprSite out, for a site that is there already."""
    wanted = [_namespace(site), _role_binding(site)]
    return wanted if access_only else [*wanted, _alpr_site(site)]


def _labels(site: NewSite) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": "ovr-alpr", "ovr-alpr.io/site": site.name}


def _namespace(site: NewSite) -> Object:
    # Edge pods keep their files on the node, which "baseline" forbids; an admission policy keeps them to their folder.
    security = {
        "pod-security.kubernetes.io/enforce": "privileged",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    meta = {"name": site.namespace, "labels": {**_labels(site), **security}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}


def _role_binding(site: NewSite) -> Object:
    group = "rbac.authorization.k8s.io"
    account = {"kind": "ServiceAccount", "name": site.operator, "namespace": site.operator_namespace}
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": site.operator, "namespace": site.namespace, "labels": _labels(site)},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": f"{site.operator}-site"},
        "subjects": [account],
    }


def _alpr_site(site: NewSite) -> Object:
    spec: dict[str, Any] = {"siteId": site.name}
    if site.display_name:
        spec["displayName"] = site.display_name
    if site.timezone:
        spec["timezone"] = site.timezone
    return {
        "apiVersion": "ovr-alpr.io/v1alpha1",
        "kind": "AlprSite",
        "metadata": {"name": site.name, "namespace": site.namespace, "labels": _labels(site)},
        "spec": spec,
    }
