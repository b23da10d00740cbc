"""The kit's handler: records in, documents out. Every document is settled before offsets move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from alpr_kafka import errors as kit
from alpr_kafka.decoding import Decoder
from alpr_kafka.failpoints import reach
from alpr_kafka.handling import Prepared
from alpr_kafka.metrics import AGE
from alpr_kafka.records import DeadLetterKind, Place, Record, Refused
from alpr_schemas import topics
from alpr_search_indexer.documents import Line, line, of_event
from alpr_search_indexer.errors import Misdeployed, Unavailable, Unfit
from alpr_search_indexer.indices import Month
from alpr_search_indexer.metrics import AVAILABLE, OUTCOMES, RECORDS, REFUSED
from alpr_search_indexer.writer import Work, Writer


class Indexing(Work):
    """The lines of a batch, and the record that each was made of."""

    def __init__(self, lines: list[Line], records: dict[int, Record]) -> None:
        super().__init__(lines)
        self.records = records


def _now() -> datetime:
    return datetime.now(UTC)


class IndexHandler:
    """Plate events into the index; offsets stay with Kafka, for a replay changes nothing.

    Args:
        written: the alias that a month is written by.
        keep: events of months that ended longer ago are passed over; None keeps all.
    """

    topics: Sequence[str] = (topics.PLATES,)
    keeps_offsets: bool = False

    def __init__(
        self,
        decoder: Decoder,
        writer: Writer,
        written: Callable[[Month], str],
        keep: timedelta | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._decoder = decoder
        self._writer = writer
        self._written = written
        self._keep = keep
        self._clock = clock

    def prepare(self, records: Sequence[Record]) -> Prepared[Indexing]:
        """Lines of `records`; what is no event, or none that an index can hold, is refused with the reason."""
        RECORDS.inc(len(records))
        now = self._clock()
        oldest = Month.of(now - self._keep).start if self._keep is not None else None
        lines: list[Line] = []
        made: dict[int, Record] = {}
        refused: list[Refused] = []
        for record in records:
            try:
                made_line = line(of_event(self._decoder.decode(record), now), self._written)
            except kit.Undecodable as e:
                refused.append(Refused(record, e.kind, e.reason))
                continue
            except Unfit as e:
                refused.append(Refused(record, DeadLetterKind.BUSINESS_LOGIC, str(e)))
                continue
            if oldest is not None and made_line.captured_at < oldest:
                OUTCOMES.labels("expired").inc()
                continue
            lines.append(made_line)
            made[id(made_line)] = record
        return Prepared(Indexing(lines, made), len(records), refused)

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:
        """None: Kafka keeps the offsets."""
        del places
        return {}

    def write(
        self,
        prepared: Prepared[Indexing],
        next_offsets: Mapping[Place, int],
        bury: Callable[[Sequence[Refused]], None],
    ) -> None:
        """Returns when every document is settled and what was refused is buried; a repeated call goes on from there.

        Raises the kit's Unavailable and Misdeployed.
        """
        del next_offsets
        work = prepared.work
        try:
            self._writer.settle(work)
        except Unavailable as e:
            AVAILABLE.set(0)
            raise kit.Unavailable(str(e)) from e
        except Misdeployed as e:
            raise kit.Misdeployed(str(e)) from e
        AVAILABLE.set(1)
        reach("after_bulk")
        refused = [*prepared.refused, *_refused(work)]
        bury(refused)
        REFUSED.inc(len(refused))
        _age(work, self._clock())

    def close(self) -> None:
        """End the writer's threads."""
        self._writer.close()


def _refused(work: Indexing) -> list[Refused]:
    return [Refused(work.records[id(line)], DeadLetterKind.PROCESSING_FAILURE, why) for line, why in work.refused]


def _age(work: Indexing, now: datetime) -> None:
    """A sample of the batch, evenly: quantiles are those of all, at a hundredth of the cost."""
    stamped = [record.timestamp_ms for record in work.records.values() if record.timestamp_ms > 0]
    for at_ms in stamped[:: max(len(stamped) // 20, 1)]:
        AGE.labels("indexed").observe(max(now.timestamp() - at_ms / 1000, 0.0))
