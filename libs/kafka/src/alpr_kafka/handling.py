"""What a consumer must be able to do: the seam between the transport and a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from alpr_kafka.records import Place, Record, Refused

W = TypeVar("W")
Bury = Callable[[Sequence[Refused]], None]
"""Hands refused records to the dead letters; returns once acknowledged. Raises Unavailable, DeadLetterFlood."""


@dataclass(slots=True)
class Prepared(Generic[W]):
    """A batch, decoded: what is to be written, how many records it came from, and which are refused already."""

    work: W
    records: int
    refused: list[Refused] = field(default_factory=list)


class Handler(Protocol[W]):
    """Turns batches of records into effects; it knows nothing of Kafka.

    Attributes:
        topics: what it wants to read.
        keeps_offsets: whether `claim` gives the offsets and `write` stores them in its own transaction; otherwise Kafka
            keeps them, and a batch may come again after a crash.
    """

    topics: Sequence[str]
    keeps_offsets: bool

    def prepare(self, records: Sequence[Record]) -> Prepared[W]:
        """Decode and check; pure but for look-ups of schemas. Runs beside the `write` of the batch before.

        Raises Unavailable where a schema cannot be looked up.
        """

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:
        """Fence out whoever had `places`, which are all of the assignment; the next offset of each that has one.

        Raises Unavailable.
        """

    def write(self, prepared: Prepared[W], next_offsets: Mapping[Place, int], bury: Bury) -> None:
        """Give the batch its effect, in one transaction where there is one; a replay of it changes nothing.

        `bury` is called with all that is refused before the effect is committed. Raises Unavailable, Fenced,
        Misdeployed, and what `bury` raises.
        """

    def close(self) -> None:
        """Let go of connections."""
