"""The consumers whose letters can be sent again: their short name, their groups, the topic that brings records back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alpr_kafka import letters

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "storage": ("alpr-storage-consumer",),
    "indexer": ("alpr-search-indexer", "alpr-elasticsearch-consumer"),
    "metrics": ("alpr-metrics-consumer",),
}
OTHER: Final = "other"
_SHORT: Final = {group: name for name, members in GROUPS.items() for group in members}


def short_name(group: str) -> str:
    """`storage` of `alpr-storage-consumer`; a group that is not ours keeps its name."""
    return _SHORT.get(group, group)


def retry_topic(consumer: str) -> str | None:
    """The topic that `consumer`, by its short name, reads beside its own; None where it has none."""
    return letters.retry_topic(consumer) if consumer in GROUPS else None


def as_label(consumer: str) -> str:
    """`consumer` where it is one of ours: anybody can write another into a dead letter, and labels are few."""
    return consumer if consumer in GROUPS else OTHER
