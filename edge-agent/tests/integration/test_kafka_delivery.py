"""Out of a real outbox into a real Kafka: each event once, whatever the line does."""

import copy
import io
import uuid

import fastavro
import pytest

from alpr_edge_agent.agent.delivery import deliver_batch
from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.outbox.schema import connect
from alpr_edge_agent.outbox.writer_schema import schema_of
from alpr_kafka.settings import KafkaSettings
from alpr_schemas import codec, topics
from alpr_testing.event_load import Street

pytestmark = pytest.mark.integration


def test_what_was_put_lies_in_kafka_once_and_the_outbox_is_empty(node):
    put = node.fill(node.box(), 300)
    with node.publisher() as publisher:
        publisher.warm_up()
        with node.delivering(publisher):
            node.drained()
    found = node.arrived()
    assert sorted(one.event_id for one in found) == sorted(put)
    assert all(one.key.startswith(f"{node.agent}-cam-".encode()) for one in found)


def test_rows_stay_while_nobody_acknowledges(node, broker):
    node.fill(node.box(), 3)
    with (
        broker.proxied() as (line, address),
        node.reader() as reader,
        node.publisher(KafkaSettings(bootstrap_servers=address), give_up_after_s=2) as publisher,
    ):
        publisher.warm_up()
        line.set("freeze")
        waiting = reader.backlog().events
        with pytest.raises(DeliveryUnavailable):
            deliver_batch(reader, publisher)
        assert reader.backlog().events == waiting
        line.set("pass")


def test_rows_of_an_older_agent_are_framed_with_the_id_of_their_own_schema(node):
    older = copy.deepcopy(codec.definition(topics.PLATES))
    del older["fields"][-2:]
    box = node.box()
    street = Street(node.agent, box.boot_id, 7)
    new, old = street.reading(), street.reading()
    box.put([new])
    _put_as_older_agent(node.path, old, node.agent, older)
    with node.publisher() as publisher, node.reader() as reader:
        deliver_batch(reader, publisher)
    assert node.ids() == sorted([new.event_id, old.event_id])
    ids = [node.schemas.id_of(topics.PLATES, one) for one in (older, codec.definition(topics.PLATES))]
    assert ids[0] != ids[1]


def _put_as_older_agent(path, event, agent, definition):
    schema, payload = schema_of(definition), io.BytesIO()
    numbered = event.model_copy(update={"agent_id": agent, "boot_id": "older", "seq": 1})
    fastavro.schemaless_writer(payload, fastavro.parse_schema(definition), numbered.model_dump(mode="json"))
    box = connect(path)
    box.execute("INSERT INTO schemas VALUES (?, ?)", (schema.fingerprint, schema.text))
    key = uuid.UUID(event.event_id).bytes
    box.execute(
        "INSERT INTO outbox (event_id, topic, key, payload, agent_id, boot_id, seq, created_ms, schema)"
        " VALUES (?, ?, ?, ?, ?, 'older', 1, 7, ?)",
        (key, topics.PLATES, event.camera_id, payload.getvalue(), agent, schema.fingerprint),
    )
    box.close()
