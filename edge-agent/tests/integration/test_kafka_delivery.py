"""Out of a real outbox into a real Kafka: each event once, whatever the line does."""

import copy
import io
import threading
import uuid

import confluent_kafka
import fastavro
import pytest

from alpr_edge_agent.agent.delivery import deliver_batch, deliver_events
from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.outbox import Outbox
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.outbox.schema import connect
from alpr_edge_agent.outbox.writer_schema import schema_of
from alpr_edge_agent.publish.kafka import KafkaPublisher
from alpr_kafka.decoding import FramedDecoder
from alpr_kafka.producer import Producer
from alpr_kafka.records import Record
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_kafka.topics import apply
from alpr_schemas import codec, topics
from alpr_testing.event_load import Street
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def kafka(broker):
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap)
    apply(settings)
    return settings


@pytest.fixture
def schemas(registry, tmp_path):
    with Registry(RegistrySettings(url=registry.url, cache_folder=tmp_path / "schemas")) as one:
        yield one


@pytest.fixture
def outbox(tmp_path):
    box = Outbox.open(tmp_path / "outbox.db", agent_id=f"n-{uuid.uuid4().hex[:8]}", max_bytes=1 << 30)
    yield box
    box.close()


def filled(outbox, vehicles):
    street = Street("n-1", outbox.boot_id, 7)
    events = [event for _ in range(vehicles) for event in street.pass_by()]
    for event in events:
        outbox.put([event])
    return {event.event_id for event in events}


def ids_in(settings, schemas, boot):
    """Every event of that boot that lies in the topics, as often as it does."""
    decoder = FramedDecoder(schemas.schema)
    told = {**settings.client(), "group.id": uuid.uuid4().hex, "enable.partition.eof": True}
    consumer = confluent_kafka.Consumer({**told, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    found = []
    try:
        known = consumer.list_topics(timeout=10).topics
        places = [
            confluent_kafka.TopicPartition(name, part, 0)
            for name in (topics.PLATES, topics.VEHICLES)
            for part in known[name].partitions
        ]
        consumer.assign(places)
        ended = 0
        while ended < len(places):
            for message in consumer.consume(1000, 1.0):
                if message.error():
                    ended += 1
                    continue
                event = decoder.decode(Record(message.topic(), message.value()))
                if event["boot_id"] == boot:
                    found.append((event["event_id"], event["seq"], message.key(), message.timestamp()[1]))
    finally:
        consumer.close()
    return found


def delivered(tmp_path, publisher, stop):
    reader = OutboxReader(tmp_path / "outbox.db")
    thread = threading.Thread(target=deliver_events, args=(reader, publisher, stop), kwargs={"site": "s", "host": "n"})
    thread.start()
    return reader, thread


def test_what_was_put_lies_in_kafka_once_and_the_outbox_is_empty(outbox, kafka, schemas, tmp_path):
    put = filled(outbox, 300)
    stop = threading.Event()
    with Producer(kafka, client_id="n-1") as producer:
        publisher = KafkaPublisher(producer, schemas)
        publisher.warm_up()
        _, thread = delivered(tmp_path, publisher, stop)
        watcher = OutboxReader(tmp_path / "outbox.db")
        until(lambda: watcher.backlog().events == 0, 30, "the outbox is empty")
        watcher.close()
        stop.set()
        thread.join()
    found = ids_in(kafka, schemas, outbox.boot_id)
    assert sorted(key for key, *_ in found) == sorted(put)
    assert all(camera.startswith(b"n-1-cam-") for _, _, camera, _ in found)


def test_a_registry_that_is_away_at_boot_is_not_missed_where_its_ids_were_kept(outbox, kafka, schemas, tmp_path):
    with Producer(kafka, client_id="n-1") as producer:
        KafkaPublisher(producer, schemas).warm_up()
        away = RegistrySettings(url="http://127.0.0.1:9", cache_folder=tmp_path / "schemas")
        with Registry(away) as offline:
            put = filled(outbox, 5)
            reader = OutboxReader(tmp_path / "outbox.db")
            deliver_batch(reader, KafkaPublisher(producer, offline))
            reader.close()
    assert {key for key, *_ in ids_in(kafka, schemas, outbox.boot_id)} == put


def test_rows_stay_while_nobody_acknowledges(outbox, schemas, broker, tmp_path):
    filled(outbox, 3)
    with broker.proxied() as (line, address):
        settings = KafkaSettings(bootstrap_servers=address)
        with Producer(settings, client_id="n-1", give_up_after_s=2) as producer:
            publisher = KafkaPublisher(producer, schemas)
            publisher.warm_up()
            line.set("freeze")
            reader = OutboxReader(tmp_path / "outbox.db")
            waiting = reader.backlog().events
            with pytest.raises(DeliveryUnavailable):
                deliver_batch(reader, publisher)
            assert reader.backlog().events == waiting
            line.set("pass")
            reader.close()


def test_rows_of_an_older_agent_are_framed_with_the_id_of_their_own_schema(outbox, kafka, schemas, tmp_path):
    older = copy.deepcopy(codec.definition(topics.PLATES))
    del older["fields"][-2:]
    street = Street("n-1", outbox.boot_id, 7)
    new, old = street.reading(), street.reading()
    outbox.put([new])
    _put_as_older_agent(tmp_path / "outbox.db", old, outbox.boot_id, older)
    reader = OutboxReader(tmp_path / "outbox.db")
    with Producer(kafka, client_id="n-1") as producer:
        deliver_batch(reader, KafkaPublisher(producer, schemas))
    reader.close()
    assert sorted(key for key, *_ in ids_in(kafka, schemas, outbox.boot_id)) == sorted([new.event_id, old.event_id])
    assert schemas.id_of(topics.PLATES, older) != schemas.id_of(topics.PLATES, codec.definition(topics.PLATES))


def _put_as_older_agent(path, event, boot, definition):
    schema, payload = schema_of(definition), io.BytesIO()
    numbered = event.model_copy(update={"agent_id": "n-1", "boot_id": boot, "seq": 2})
    fastavro.schemaless_writer(payload, fastavro.parse_schema(definition), numbered.model_dump(mode="json"))
    box = connect(path)
    box.execute("INSERT INTO schemas VALUES (?, ?)", (schema.fingerprint, schema.text))
    box.execute(
        "INSERT INTO outbox (event_id, topic, key, payload, agent_id, boot_id, seq, created_ms, schema)"
        " VALUES (?, ?, ?, ?, 'n-1', ?, 2, 7, ?)",
        (uuid.UUID(event.event_id).bytes, topics.PLATES, event.camera_id, payload.getvalue(), boot, schema.fingerprint),
    )
    box.close()
