"""An update of the agent changes the meaning of nothing that waits: each row keeps the schema that wrote it."""

import copy
import io
import sqlite3
import threading
from dataclasses import replace
from uuid import UUID

import fastavro
import pytest

from alpr_edge_agent.outbox import Outbox, migrations
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.outbox.schema import connect
from alpr_edge_agent.outbox.writer_schema import TOPICS, first_schema, in_our_schema, our_schema, schema_of
from alpr_edge_agent.publish.ours import InOurSchema
from alpr_schemas import codec, topics
from alpr_testing.readings import reading

ROOMY = 10_000_000


def older_definition():
    """The plate's schema as a version had it that knew neither its last field nor the one before."""
    definition = copy.deepcopy(codec.definition(topics.PLATES))
    del definition["fields"][-2:]
    return definition


def written_with(definition, event):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(definition), event.model_dump(mode="json"))
    return out.getvalue()


def first_file(path, events):
    """An outbox as the first version of the agent left it."""
    box = sqlite3.connect(path, isolation_level=None)
    box.executescript(migrations._TABLES)
    for seq, event in enumerate(events, start=1):
        values = (UUID(event.event_id).bytes, topics.PLATES, "c", codec.encode(event), "n", "b", seq, None, 7)
        box.execute("INSERT INTO outbox VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    box.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


def rows(path):
    reader = OutboxReader(path)
    found = reader.peek(1000)
    reader.close()
    return found


def test_the_first_schemas_never_change():
    assert {topic: first_schema(topic).fingerprint for topic in TOPICS} == FIRST


FIRST = {topics.PLATES: "7f1e94f51c461c1f", topics.VEHICLES: "b20aaac3ebc01ff2"}


def test_a_fingerprint_is_of_the_meaning_not_of_the_spelling():
    definition = codec.definition(topics.PLATES)
    turned = dict(reversed(definition.items()))
    assert schema_of(turned).fingerprint == our_schema(topics.PLATES).fingerprint
    assert schema_of(older_definition()).fingerprint != our_schema(topics.PLATES).fingerprint


def test_what_is_put_says_what_wrote_it(path):
    box = Outbox.open(path, agent_id="n", max_bytes=ROOMY)
    box.put([reading(1)])
    (row,) = rows(path)
    assert row.schema == our_schema(topics.PLATES)
    assert row.schema.definition == codec.definition(topics.PLATES)


def test_a_file_of_the_first_version_comes_forward_with_its_rows(path):
    first_file(path, [reading(n) for n in range(5)])
    box = Outbox.open(path, agent_id="n", max_bytes=ROOMY)
    box.put([reading(9)])
    found = rows(path)
    assert [codec.decode(row.topic, row.payload).event_id for row in found] == [
        reading(n).event_id for n in (0, 1, 2, 3, 4, 9)
    ]
    assert [row.schema for row in found] == [first_schema(topics.PLATES)] * 5 + [our_schema(topics.PLATES)]


def test_rows_of_an_older_agent_keep_its_schema(path):
    definition = older_definition()
    older = schema_of(definition)
    box = connect(path)
    box.execute("INSERT INTO schemas VALUES (?, ?)", (older.fingerprint, older.text))
    values = (UUID(reading(1).event_id).bytes, topics.PLATES, "c", written_with(definition, reading(1)), "n", "b", 1)
    box.execute("INSERT INTO outbox VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, NULL, 7, ?)", (*values, older.fingerprint))
    box.close()
    Outbox.open(path, agent_id="n", max_bytes=ROOMY).put([reading(2)])
    old, new = rows(path)
    assert old.schema.definition == definition
    assert new.schema == our_schema(topics.PLATES)


def test_many_openers_of_an_old_file_take_each_step_once(path):
    first_file(path, [reading(n) for n in range(50)])
    failed = []

    def work():
        try:
            connect(path).close()
        except Exception as e:  # noqa: BLE001 - carried to the test's own thread
            failed.append(e)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    box = connect(path)
    assert box.execute("PRAGMA user_version").fetchone() == (len(migrations.STEPS),)
    assert box.execute("SELECT count(*) FROM outbox").fetchone() == (50,)
    box.close()


def test_an_older_agent_goes_on_inserting_into_a_newer_file(path):
    connect(path).close()
    box = sqlite3.connect(path, isolation_level=None)
    box.executescript(migrations._TABLES)  # as the older agent opens it
    box.execute(
        "INSERT INTO outbox (event_id, topic, key, payload, agent_id, boot_id, seq, traceparent, created_ms)"
        " VALUES (?, ?, 'c', ?, 'n', 'b', 1, NULL, 7)",
        (UUID(reading(1).event_id).bytes, topics.PLATES, codec.encode(reading(1))),
    )
    box.close()
    assert [row.schema for row in rows(path)] == [first_schema(topics.PLATES)]


def test_a_file_of_a_newer_agent_is_left_as_it_is(path):
    connect(path).close()
    box = connect(path)
    box.execute("PRAGMA user_version = 99")
    box.close()
    Outbox.open(path, agent_id="n", max_bytes=ROOMY).put([reading(1)])
    assert len(rows(path)) == 1


class Kept:
    def __init__(self):
        self.rows = []

    def publish(self, rows):
        self.rows += rows


def test_who_reads_our_schema_only_gets_old_rows_rewritten(path):
    Outbox.open(path, agent_id="n", max_bytes=ROOMY).put([reading(1)])
    (ours,) = rows(path)
    definition, kept = older_definition(), Kept()
    old = replace(ours, payload=written_with(definition, reading(1)), schema=schema_of(definition))
    InOurSchema(kept).publish([old, ours])
    rewritten, same = kept.rows
    assert same is ours
    assert rewritten.schema == our_schema(topics.PLATES)
    event = codec.decode(topics.PLATES, rewritten.payload)
    assert event.event_id == reading(1).event_id
    assert event.plate.text == reading(1).plate.text


def test_bytes_that_do_not_fit_their_schema_go_on_as_they_are(path):
    Outbox.open(path, agent_id="n", max_bytes=ROOMY).put([reading(1)])
    (row,) = rows(path)
    torn, kept = replace(row, payload=b"\x02", schema=schema_of(older_definition())), Kept()
    with pytest.raises(ValueError, match="not written with the schema"):
        in_our_schema(torn.topic, torn.payload, torn.schema)
    InOurSchema(kept).publish([torn])
    assert kept.rows == [torn]
