"""A write: one object as it shall be on the server, and how urgent that is. Data alone; `writer` sends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from alpr_kubernetes import Kind, Object
from alpr_operator.store import SiteKey


class Lane(IntEnum):
    """What goes first."""

    ASSIGNMENT = 0
    CHILD = 1
    STATUS = 2
    EVENT = 3


WriteKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Write:
    """One object as it shall be; for `delete` the manifest names it (with its uid)."""

    verb: Literal["apply", "delete", "create", "merge"]
    kind: Kind
    manifest: Object
    lane: Lane
    site: SiteKey
    subresource: str | None = None
    reason: str = ""

    @property
    def key(self) -> WriteKey:
        """Which object, and which part of it."""
        meta = self.manifest["metadata"]
        return self.kind.plural, meta.get("namespace", ""), meta.get("name", ""), self.subresource or ""
