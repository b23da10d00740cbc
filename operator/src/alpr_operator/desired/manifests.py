"""What every child of a site has: names, labels, its owner, and a digest of what we want of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alpr_kubernetes import Kind, Object
from alpr_operator.store.objects import APPLIED_HASH, SITE_LABEL, SiteKey, canonical

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "alpr-operator"
APP = "app.kubernetes.io/name"
APP_NAME = "alpr-edge"


@dataclass(frozen=True, slots=True)
class Owner:
    """The AlprSite that children belong to."""

    key: SiteKey
    uid: str

    @property
    def child_name(self) -> str:
        """What its children are called."""
        return f"{APP_NAME}-{self.key.name}"

    @property
    def labels(self) -> dict[str, str]:
        """What its children carry; nothing is copied from the AlprSite, or tools that track by labels mistake them."""
        return {MANAGED_BY: MANAGER, SITE_LABEL: self.key.name, APP: APP_NAME}


def child(kind: Kind, owner: Owner, name: str, content: Mapping[str, Any], labels: Mapping[str, str] = {}) -> Object:
    """A manifest of `kind` with `content` beside its metadata; its digest stands in an annotation."""
    manifest: Object = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {
            "name": name,
            "namespace": owner.key.namespace,
            "labels": {**owner.labels, **labels},
            "ownerReferences": [
                {
                    "apiVersion": "ovr-alpr.io/v1alpha1",
                    "kind": "AlprSite",
                    "name": owner.key.name,
                    "uid": owner.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        **content,
    }
    return sealed(manifest)


def sealed(manifest: Object) -> Object:
    """`manifest` with the digest of all else that it says in an annotation."""
    meta = {key: value for key, value in manifest["metadata"].items() if key != "annotations"}
    bare = {**manifest, "metadata": meta}
    return {**manifest, "metadata": {**meta, "annotations": {APPLIED_HASH: digest(bare)}}}


def digest(value: Any) -> str:
    """32 hex digits of the SHA-256 of `value` as canonical JSON: equal on every Python and in every process."""
    return hashlib.sha256(canonical(value)).hexdigest()[:32]


def covers(observed: Any, wanted: Any) -> bool:
    """Whether all that is `wanted` stands in `observed`; what others added, and defaults, do not count.

    Lists must have equal lengths, except those of named items (containers, volumes, env), where others may add some.
    """
    if observed == wanted:  # mostly so, and compared a hundred times faster than piece by piece
        return True
    if isinstance(wanted, Mapping):
        return isinstance(observed, Mapping) and all(
            key in observed and covers(observed[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return isinstance(observed, list) and _list_covers(observed, list(wanted))
    return False


def _list_covers(observed: list[Any], wanted: list[Any]) -> bool:
    if wanted and all(isinstance(item, Mapping) and "name" in item for item in wanted):
        by_name = {item.get("name"): item for item in observed if isinstance(item, Mapping)}
        return all(covers(by_name.get(item["name"]), item) for item in wanted)
    return len(observed) == len(wanted) and all(covers(seen, item) for seen, item in zip(observed, wanted, strict=True))
