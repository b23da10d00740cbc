"""What comes by Kafka and what comes back from the database through the storage consumer make the same bytes."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpr_kafka.decoding import PlainDecoder
from alpr_kafka.records import Record
from alpr_schemas import codec, topics
from alpr_schemas.events import Candidate, Extras, Images, Node, Plate, Rectangle, Vehicle
from alpr_search_indexer.documents import line, of_event, of_row
from alpr_search_indexer.indices import Names
from alpr_storage_consumer.handler import DirectHandler
from alpr_testing.readings import reading

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WRITTEN = Names().written
_numbers = count()  # no event of one example has the id of another's: the first copy of an event stays

shares = st.floats(0, 1, width=32)
reals = st.floats(-1e6, 1e6, width=32)
words = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
plates = st.builds(
    Plate, text=st.text("ABCXYZ0189 -", min_size=1, max_size=20), normalized_text=st.text("ABCXYZO0I189", min_size=1, max_size=20),
    confidence=shares, region=words,
)  # fmt: skip
fields = st.fixed_dictionaries({
    "plate": plates,
    "vehicle": st.builds(Vehicle, type=words, make=words, model=words, color=words),
    "images": st.builds(Images, plate_url=words, vehicle_url=words, frame_url=words),
    "node": st.builds(Node, site=words, host=words),
    "extras": st.none() | st.builds(
        Extras, roi=words, direction=words, quality_score=st.none() | shares,
        frame_number=st.none() | st.integers(0, 2**31 - 1),
    ),
    "candidates": st.lists(st.builds(Candidate, text=st.text("AB01", max_size=8), confidence=shares), max_size=3).map(tuple),
    "box": st.none() | st.builds(Rectangle, x1=reals, y1=reals, x2=reals, y2=reals),
    "revision": st.integers(0, 1000), "reads": st.integers(0, 1000), "latency_ms": st.integers(0, 2**31 - 1),
    "resumed": st.booleans(), "first_seen_at": st.none() | st.just("2026-02-28T23:59:59.000001+05:30"),
    "detector_digest": st.text("abc:", max_size=10),
})  # fmt: skip


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1_000_000), fields), min_size=1, max_size=30))
def test_both_ways_to_a_document_give_the_same(database, reader, drawn):
    base = datetime(2026, 1, 1, tzinfo=UTC)
    events = [
        reading(
            next(_numbers), at=base + timedelta(microseconds=us * 1_000_003), seq=0, agent_id="", boot_id=""
        ).model_copy(update=more)
        for us, more in drawn
    ]
    records = [Record(topics.PLATES, codec.encode(event)) for event in events]
    storage = DirectHandler(database)
    storage.store(records)
    storage.close()
    rows = reader.page(datetime(2025, 12, 1, tzinfo=UTC), NOW, None, 100_000)
    by_row = {str(row[0]): line(of_row(row, NOW), WRITTEN).data for row in rows}
    for record in records:
        made = line(of_event(PlainDecoder().decode(record), NOW), WRITTEN)
        assert by_row[made.event_id] == made.data
