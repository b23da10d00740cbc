"""The handler: what is refused and why, and that nothing is told done before every document is settled."""

import io
from datetime import UTC, datetime, timedelta

import fastavro
import pytest

from alpr_kafka import errors as kit
from alpr_kafka.decoding import PlainDecoder
from alpr_kafka.records import DeadLetterKind, Record
from alpr_schemas import codec, topics
from alpr_schemas.events import PlateEvent
from alpr_schemas.identity import event_id, iso
from alpr_search_indexer.errors import Misdeployed, Unavailable
from alpr_search_indexer.handler import IndexHandler
from alpr_search_indexer.indices import Names

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class PlayedWriter:
    """Settles all; `faults` are raised first, one a call."""

    def __init__(self, faults=(), refuses=()):
        self.faults = list(faults)
        self.refuses = refuses
        self.settled = []

    def settle(self, work):
        if self.faults:
            raise self.faults.pop(0)
        self.settled += [line.event_id for line in work.open]
        work.refused += [(line, "OpenSearch: 400 x") for line in work.open if line.event_id in self.refuses]
        work.open = []

    def close(self):
        self.settled.append("closed")


def record(n=1, at=None, **fields):
    at = at or NOW - timedelta(minutes=n)
    event = PlateEvent(
        event_id=str(event_id(at, "s", "c", "e", f"t-{n}")), captured_at=iso(at), camera_id="gate", track_id=f"t-{n}",
        plate={"text": "AB12", "normalized_text": "AB12", "confidence": 0.5},
    ).model_dump(mode="json")  # fmt: skip
    out = io.BytesIO()
    fastavro.schemaless_writer(out, codec.schema(topics.PLATES), {**event, **fields})
    return Record(topics.PLATES, out.getvalue())


def handler(writer=None, keep=None):
    return IndexHandler(PlainDecoder(), writer or PlayedWriter(), Names().written, keep, lambda: NOW)


def test_what_is_no_event_is_refused_and_its_neighbours_are_not():
    batch = [record(1), Record(topics.PLATES, b"\xff"), record(2, captured_at="2099-01-01T00:00:00+00:00"), record(3)]
    prepared = handler().prepare(batch)
    assert len(prepared.work.open) == 2
    assert prepared.records == 4
    assert [(r.record, r.kind) for r in prepared.refused] == [
        (batch[1], DeadLetterKind.SCHEMA_VALIDATION),
        (batch[2], DeadLetterKind.BUSINESS_LOGIC),
    ]


def test_events_past_their_keep_are_passed_over():
    batch = [record(1), record(2, NOW - timedelta(days=200)), record(3, datetime(2026, 8, 1, tzinfo=UTC))]
    prepared = handler(keep=timedelta(days=90)).prepare(batch)
    assert (len(prepared.work.open), prepared.refused) == (2, [])


def test_what_the_index_refuses_is_buried_with_its_record():
    batch = [record(n) for n in range(3)]
    first = handler().prepare(batch)
    writer = PlayedWriter(refuses={first.work.open[1].event_id})
    ours, buried = handler(writer), []
    ours.write(ours.prepare(batch), {}, buried.extend)
    assert [(r.record, r.kind, r.reason) for r in buried] == [
        (batch[1], DeadLetterKind.PROCESSING_FAILURE, "OpenSearch: 400 x")
    ]


@pytest.mark.parametrize(
    ("fault", "expected"), [(Unavailable("x"), kit.Unavailable), (Misdeployed("x"), kit.Misdeployed)]
)
def test_an_outage_buries_nothing_and_a_second_call_finishes(fault, expected):
    writer, buried = PlayedWriter([fault]), []
    ours = handler(writer)
    prepared = ours.prepare([record(1), Record(topics.PLATES, b"")])
    with pytest.raises(expected):
        ours.write(prepared, {}, buried.extend)
    assert (buried, writer.settled) == ([], [])
    ours.write(prepared, {}, buried.extend)
    assert (len(buried), len(writer.settled)) == (1, 1)


def test_letters_that_are_not_taken_keep_the_batch_from_being_done():
    writer = PlayedWriter()
    ours = handler(writer)
    prepared = ours.prepare([record(1), Record(topics.PLATES, b"")])

    def away(_):
        raise kit.Unavailable("dead letters")

    with pytest.raises(kit.Unavailable):
        ours.write(prepared, {}, away)
    buried = []
    ours.write(prepared, {}, buried.extend)
    assert len(buried) == 1


def test_an_empty_batch_asks_nothing_of_anybody():
    ours, buried = handler(), []
    ours.write(ours.prepare([]), {}, buried.extend)
    assert buried == []


def test_closing_ends_the_writer():
    writer = PlayedWriter()
    handler(writer).close()
    assert writer.settled == ["closed"]


def test_kafka_keeps_the_offsets():
    assert handler().keeps_offsets is False
    assert handler().claim([]) == {}
