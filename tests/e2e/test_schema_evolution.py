"""Newer producers with today's consumers, and older ones: all stored and indexed; what could not be read is refused."""

import io
from datetime import UTC, datetime, timedelta
from uuid import UUID

import fastavro
import psycopg
import pytest

from alpr_kafka.decoding import FramedDecoder, frame
from alpr_kafka.errors import Misdeployed
from alpr_kafka.records import Place, Record
from alpr_kafka.registry import Registry
from alpr_kafka.settings import RegistrySettings
from alpr_schemas import codec, topics
from alpr_search_indexer.documents import of_event
from alpr_storage_consumer.handler import StorageHandler
from alpr_storage_consumer.store import Store
from alpr_testing.readings import reading
from alpr_testing.registry import running_registry

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
PLACE = Place(topics.PLATES, 0)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A registry of this module: what it holds and refuses is ours alone."""
    with (
        running_registry(tmp_path_factory.mktemp("registry")) as server,
        Registry(RegistrySettings(url=server.url)) as asked,
    ):
        asked.demand_level(topics.PLATES)
        yield asked


def with_fields(change):
    ours = codec.definition(topics.PLATES)
    return {**ours, "fields": change(ours["fields"])}


def older():
    """What the old system's producers write: nothing behind `extras`."""
    names = [field["name"] for field in codec.definition(topics.PLATES)["fields"]]
    return with_fields(lambda fields: fields[: names.index("extras") + 1])


def newer():
    """A field more, which has a default."""
    return with_fields(lambda fields: [*fields, {"name": "weather", "type": "string", "default": ""}])


def written(schema, event):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), {**event.model_dump(mode="json"), "weather": "rain"})
    return out.getvalue()


@pytest.mark.parametrize("order", [(older, newer), (newer, older)], ids=["older-first", "newer-first"])
def test_row_19_events_of_older_and_newer_producers_are_all_stored_and_indexed(known, database, order):
    ids = {made: known.id_of(topics.PLATES, made()) for made in (older, with_our_own, newer)}
    sent, records = set(), []
    for n, made in enumerate((order[0], with_our_own, order[1]) * 10, start=1):
        event = reading(n, at=NOW - timedelta(minutes=n))
        sent.add(UUID(event.event_id))
        records.append(Record(topics.PLATES, frame(ids[made], written(made(), event)), PLACE, n))
    decoder, refused = FramedDecoder(known.schema), []
    handler = StorageHandler(Store(database, "g"), decoder)
    handler.claim([PLACE])
    handler.write(handler.prepare(records), {PLACE: len(records) + 1}, refused.extend)
    handler.close()
    with psycopg.connect(database) as connection:
        stored = [row[0] for row in connection.execute("SELECT event_id FROM plate_events")]
    assert refused == []
    assert len(stored) == len(sent)
    assert set(stored) == sent
    assert {UUID(of_event(decoder.decode(record), NOW)["event_id"]) for record in records} == sent


def with_our_own():
    return codec.definition(topics.PLATES)


def test_row_19_a_change_that_consumers_could_not_read_is_refused(known):
    known.id_of(topics.PLATES, with_our_own())
    no_default = with_fields(lambda fields: [*fields, {"name": "must", "type": "string"}])
    other_type = with_fields(lambda fields: [{**f, "type": "bytes"} if f["name"] == "plate" else f for f in fields])
    for broken in (no_default, other_type):
        assert not known.fits(topics.PLATES, broken)
        with pytest.raises(Misdeployed, match="compatible"):
            known.id_of(topics.PLATES, broken)
