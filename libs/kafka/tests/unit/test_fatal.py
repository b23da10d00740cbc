"""A client that is beyond help ends the process; its supervisor starts another."""

import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from alpr_kafka.consumer import Consumer
from alpr_kafka.settings import ConsumerSettings, KafkaSettings


def consumer():
    settings = ConsumerSettings(group_id="g", instance_id="one")
    return Consumer(settings, KafkaSettings(bootstrap_servers="127.0.0.1:1"), None, lambda _: None)


def test_a_fatal_error_of_the_client_ends_the_loop():
    one = consumer()
    one._heard(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))
    with pytest.raises(KafkaException, match="FENCED_INSTANCE_ID"):
        one._loop(threading.Event())


def test_brokers_that_are_away_are_only_told_of():
    one = consumer()
    one._heard(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert one._fatal is None
