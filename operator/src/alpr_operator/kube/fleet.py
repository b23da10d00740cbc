"""Objects as the API gives them, put together: who belongs to which site, what each node has and says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from alpr_operator.kube.kubectl import Object

PREFIX: Final = "ovr-alpr.io/"
SITE_LABEL, CLASS_LABEL, DRAIN_LABEL = PREFIX + "site", PREFIX + "node-class", PREFIX + "drain"
PAUSED, QUARANTINE, ROLLBACK = PREFIX + "paused", PREFIX + "quarantine", PREFIX + "rollback"
AGENT: Final = "alpr-edge-agent"


@dataclass(frozen=True, slots=True)
class Turn:
    """A condition; `status` is empty where nobody has said it."""

    status: str = ""
    reason: str = ""
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Fleet:
    """What was asked for; an empty tuple of nodes may also mean that the person may not see them (`nodes_hidden`)."""

    sites: tuple[Object, ...] = ()
    cameras: tuple[Object, ...] = ()
    assignments: tuple[Object, ...] = ()
    reports: tuple[Object, ...] = ()
    nodes: tuple[Object, ...] = ()
    nodes_hidden: bool = False

    @classmethod
    def of(cls, objects: Iterable[Object], *, nodes_hidden: bool = False) -> Fleet:
        """Sort `objects` by kind, each kind by namespace and name."""
        by_kind: dict[str, list[Object]] = {}
        for found in objects:
            by_kind.setdefault(str(found.get("kind")), []).append(found)

        def all_of(kind: str) -> tuple[Object, ...]:
            return tuple(sorted(by_kind.get(kind, ()), key=key_of))

        return cls(
            all_of("AlprSite"),
            all_of("Camera"),
            all_of("EdgeAssignment"),
            all_of("EdgeReport"),
            all_of("Node"),
            nodes_hidden,
        )

    def site_of(self, camera: Object) -> Object | None:
        """The AlprSite that a camera names."""
        return self._sites.get((namespace_of(camera), str(at(camera, "spec", "siteRef", "name"))))

    def node(self, name: str) -> Object | None:
        """The Node of that name."""
        return self._nodes.get(("", name))

    def assignment(self, namespace: str, node: str) -> Object | None:
        """What a node shall do in one namespace."""
        return self._assignments.get((namespace, node))

    def report(self, namespace: str, node: str) -> Object | None:
        """What a node says that it does."""
        return self._reports.get((namespace, node))

    @cached_property
    def units_used(self) -> dict[tuple[str, str], int]:
        """Capacity units in use, by namespace and node."""
        used: dict[tuple[str, str], int] = {}
        for camera in self.cameras:
            if node := at(camera, "status", "nodeName"):
                key = (namespace_of(camera), str(node))
                used[key] = used.get(key, 0) + int(at(camera, "status", "costUnits") or 0)
        return used

    @cached_property
    def _sites(self) -> dict[tuple[str, str], Object]:
        return _by_key(self.sites)

    @cached_property
    def _nodes(self) -> dict[tuple[str, str], Object]:
        return _by_key(self.nodes)

    @cached_property
    def _assignments(self) -> dict[tuple[str, str], Object]:
        return _by_key(self.assignments)

    @cached_property
    def _reports(self) -> dict[tuple[str, str], Object]:
        return _by_key(self.reports)

    def nodes_of(self, site: Object) -> list[Object]:
        """The Nodes of a site: by its own selector, or by the label with its name."""
        selector = at(site, "spec", "edge", "nodeSelector") or {SITE_LABEL: name_of(site)}
        return [node for node in self.nodes if selector.items() <= labels_of(node).items()]


def _by_key(objects: Iterable[Object]) -> dict[tuple[str, str], Object]:
    return {key_of(found): found for found in objects}


def at(found: Mapping[str, Any] | None, *path: str) -> Any:
    """What stands at `path`; None where a part of the way is missing."""
    value: Any = found
    for part in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def name_of(found: Object) -> str:
    """An object's name."""
    return str(at(found, "metadata", "name"))


def namespace_of(found: Object) -> str:
    """An object's namespace; empty for one that has none."""
    return str(at(found, "metadata", "namespace") or "")


def key_of(found: Object) -> tuple[str, str]:
    """Namespace and name."""
    return namespace_of(found), name_of(found)


def labels_of(found: Object) -> dict[str, str]:
    """Its labels."""
    return dict(at(found, "metadata", "labels") or {})


def annotation(found: Object, name: str) -> str | None:
    """One of its annotations."""
    value = (at(found, "metadata", "annotations") or {}).get(name)
    return None if value is None else str(value)


def condition(found: Object | None, kind: str) -> Turn:
    """One of its conditions."""
    for told in at(found, "status", "conditions") or ():
        if told.get("type") == kind:
            since = moment(told.get("lastTransitionTime"))
            return Turn(told.get("status", ""), told.get("reason", ""), told.get("message", ""), since)
    return Turn()


def paused(site: Object) -> bool:
    """Whether a site is paused, by its spec or by annotation."""
    return at(site, "spec", "paused") is True or annotation(site, PAUSED) == "true"


def draining(node: Object) -> bool:
    """Whether cameras are to leave a node."""
    return labels_of(node).get(DRAIN_LABEL) == "true" or bool(at(node, "spec", "unschedulable"))


def moment(text: str | None) -> datetime | None:
    """A time of the API, aware UTC."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def reported_at(report: Object | None) -> datetime | None:
    """When the agent last changed its report: the API server keeps that beside each writer's fields."""
    entries = at(report, "metadata", "managedFields") or ()
    times = [moment(entry.get("time")) for entry in entries if entry.get("manager") == AGENT]
    return max((time for time in times if time), default=None)


def ago(since: datetime | None, now: datetime) -> str:
    """How long ago, as kubectl writes it: 45s, 12m, 3h20m, 5d; `-` where unknown."""
    if since is None:
        return "-"
    seconds = max(0, int((now - since).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 120:
        return f"{minutes}m"
    if hours < 24:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{days}d{hours % 24}h" if days < 3 and hours % 24 else f"{days}d"


def short_digest(digest: str | None) -> str:
    """The first digits of a digest, enough to tell two apart."""
    return digest.removeprefix("sha256:")[:12] if digest else "-"
