"""Who asked the API server for what: its audit log at the level of metadata, which holds no object's content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Kubernetes' own components ask all the time, and are never what a test is about.
POLICY: Mapping[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver"]},
        {"level": "None", "userGroups": ["system:nodes"]},
        {"level": "Metadata"},
    ],
}
"""What is written down: every answered request but those of Kubernetes' own components."""

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
"""The verbs that change something."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One request, as the API server's audit log has it."""

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    at: str


def audited(log: Path, user: str = "") -> list[Audited]:
    """What `user` (everybody, where left out) has asked so far, oldest first; empty where nothing was written yet.

    A line that the server is just writing is left for the next time.
    """
    text = log.read_text() if log.exists() else ""
    lines = (line for line in text.splitlines(keepends=True) if line.endswith("\n") and user in line)
    told = (_audited(json.loads(line)) for line in lines)
    return [one for one in told if not user or one.user == user]


def _audited(told: Mapping[str, Any]) -> Audited:
    where = told.get("objectRef") or {}
    return Audited(
        user=(told.get("user") or {}).get("username", ""),  # none where nobody could be told from the token
        verb=told["verb"],
        resource=where.get("resource", ""),
        subresource=where.get("subresource", ""),
        namespace=where.get("namespace", ""),
        name=where.get("name", ""),
        code=(told.get("responseStatus") or {}).get("code", 0),
        at=told["requestReceivedTimestamp"],
    )
