"""Records of `alpr.dlq` in, letters out. Nothing is refused here: what cannot be read is kept as it came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alpr_dlq_consumer.letter import Letter, read_letter, unreadable_letter
from alpr_dlq_consumer.metrics import Metrics
from alpr_dlq_consumer.store import Store
from alpr_kafka.decoding import Decoder
from alpr_kafka.errors import Undecodable
from alpr_kafka.handling import Bury, Prepared
from alpr_kafka.records import Place, Record
from alpr_schemas import topics


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class LettersHandler:
    """Keeps dead letters; a letter that comes twice is kept once. Their topic may have another name (DLQ_TOPIC)."""

    decoder: Decoder
    store: Store
    metrics: Metrics
    now: Callable[[], datetime] = _utc_now
    topics: Sequence[str] = (topics.DEAD_LETTERS,)
    keeps_offsets: bool = True

    def prepare(self, records: Sequence[Record]) -> Prepared[list[Letter]]:
        """A letter for each of `records`. Raises Unavailable where the registry is away."""
        return Prepared([self._letter(record) for record in records], len(records), [])

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:
        """Fence out earlier owners; the next offsets. Raises Unavailable, Misdeployed."""
        return self.store.claim(places)

    def write(self, prepared: Prepared[list[Letter]], next_offsets: Mapping[Place, int], bury: Bury) -> None:
        """Letters and offsets in one transaction. Raises Unavailable, Fenced, Misdeployed."""
        new = self.store.write(prepared.work, next_offsets, lambda: bury(prepared.refused))
        self.metrics.received(new)

    def close(self) -> None:
        """Close the connection."""
        self.store.close()

    def _letter(self, record: Record) -> Letter:
        try:
            return read_letter(record, self.decoder.decode(record._replace(topic=topics.DEAD_LETTERS)), self.now())
        except Undecodable as e:
            return unreadable_letter(record, str(e), self.now())
        except (KeyError, ValueError, TypeError) as e:  # an envelope of a stranger's schema
            return unreadable_letter(record, f"{type(e).__name__} in its fields", self.now())
