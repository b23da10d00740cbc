from __future__ import annotations

from collections.abc import Mapping

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from alpr_testing.kafka import Broker
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
_QUIET = {"log_level": 0}


def _produce(settings: Mapping[str, str], topic: str, values: list[bytes]) -> list[KafkaError | None]:
    outcomes: list[KafkaError | None] = []
    producer = Producer({**settings, **_QUIET, "acks": "all", "enable.idempotence": True, "message.timeout.ms": 5000})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(30)
    return outcomes


def _consumed(settings: Mapping[str, str], topic: str, count: int) -> list[bytes | None]:
    told = {
        **settings,
        **_QUIET,
        "group.id": f"g-{topic}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    consumer = Consumer(told)
    got: list[Message] = []

    def enough() -> bool:
        got.extend(message for message in consumer.consume(count, 1) if not message.error())
        return len(got) >= count

    try:
        consumer.subscribe([topic])
        until(enough, 60, f"{count} records come")
    finally:
        consumer.close()
    return [message.value() for message in got]


def _stored(broker: Broker, topic: str) -> int:
    """Records that the topic holds."""
    consumer = Consumer({**broker.plain(), **_QUIET, "group.id": "none"})
    try:
        marks = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10) for number in range(3)]
    finally:
        consumer.close()
    return sum(high - low for low, high in filter(None, marks))


def test_a_killed_broker_returns_with_its_records_and_users(broker: Broker, topic: str) -> None:
    values = [b"%d" % number for number in range(200)]
    assert _produce(broker.plain(), topic, values) == [None] * 200
    broker.kill()
    broker.start()
    assert sorted(_consumed(broker.sasl(), topic, 200)) == sorted(values)


def test_a_paused_broker_answers_nobody_until_it_goes_on(broker: Broker) -> None:
    client = broker.admin()
    client.list_topics(timeout=10)
    broker.pause()
    try:
        with pytest.raises(KafkaException):
            client.list_topics(timeout=1)
    finally:
        broker.resume()
    assert client.list_topics(timeout=30).brokers


@pytest.mark.parametrize("way", ["plain", "sasl", "tls"])
def test_every_listener_takes_and_gives(broker: Broker, topic: str, way: str) -> None:
    settings: dict[str, str] = getattr(broker, way)()
    assert _produce(settings, topic, [b"one"]) == [None]
    assert _consumed(settings, topic, 1) == [b"one"]


def test_a_wrong_password_is_refused_as_such(broker: Broker) -> None:
    said: list[KafkaError] = []
    told = {**broker.sasl(password="not it"), **_QUIET}
    client = AdminClient({**told, "error_cb": said.append})
    with pytest.raises(KafkaException):
        client.list_topics(timeout=5)
    client.poll(1)
    assert KafkaError._AUTHENTICATION in {error.code() for error in said}


def test_an_authority_it_does_not_know_keeps_a_client_away(broker: Broker) -> None:
    strange = {**broker.sasl(), "ssl.ca.location": str(broker.folder / "client.crt"), **_QUIET}
    with pytest.raises(KafkaException):
        AdminClient(strange).list_topics(timeout=3)


def test_tls_wants_the_clients_certificate(broker: Broker) -> None:
    bare = {key: told for key, told in broker.tls().items() if "certificate" not in key and "key" not in key}
    with pytest.raises(KafkaException):
        AdminClient({**bare, **_QUIET}).list_topics(timeout=3)


def test_one_who_may_nothing_is_told_so(broker: Broker, topic: str) -> None:
    outcome = _produce(broker.sasl("stranger"), topic, [b"one"])
    assert [error.code() for error in outcome if error] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_no_topic_comes_by_itself(broker: Broker) -> None:
    outcome = _produce(broker.plain(), "never-made", [b"one"])
    assert all(outcome)
    assert "never-made" not in broker.admin().list_topics(timeout=10).topics


def test_it_restarts_with_another_configuration(broker: Broker, topic: str) -> None:
    broker.restart({"message.max.bytes": "2000"})
    try:
        outcome = _produce(broker.plain(), topic, [b"x" * 5000])
        assert [error.code() for error in outcome if error] == [KafkaError.MSG_SIZE_TOO_LARGE]
    finally:
        broker.restart({})
    assert _produce(broker.plain(), topic, [b"x" * 5000]) == [None]


def test_clients_on_the_faulty_line_stay_on_it(broker: Broker, topic: str) -> None:
    with broker.proxied() as (line, address):
        settings = {"bootstrap.servers": address}
        assert _produce(settings, topic, [b"one"]) == [None]
        line.set("refuse")
        assert [error.code() for error in _produce(settings, topic, [b"two"]) if error] == [KafkaError._MSG_TIMED_OUT]
        line.set("pass")
        assert _produce(settings, topic, [b"three"]) == [None]


def test_a_record_whose_acknowledgement_is_lost_is_there_once(broker: Broker, topic: str) -> None:
    outcomes: list[KafkaError | None] = []
    with broker.proxied() as (line, address):
        told = {"bootstrap.servers": address, "enable.idempotence": True, "socket.timeout.ms": 1500}
        producer = Producer({**told, **_QUIET})
        producer.produce(topic, b"one", on_delivery=lambda error, _: outcomes.append(error))
        assert producer.flush(30) == 0
        line.set("mute")
        producer.produce(topic, b"two", on_delivery=lambda error, _: outcomes.append(error))
        assert producer.flush(2) == 1
        line.set("pass")
        assert producer.flush(30) == 0
    assert outcomes == [None, None]
    assert sorted(filter(None, _consumed(broker.plain(), topic, 2))) == [b"one", b"two"]
    assert _stored(broker, topic) == 2
