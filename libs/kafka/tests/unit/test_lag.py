"""How far behind: from what the client knows, and never below nothing."""

import time
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import REGISTRY

from alpr_kafka.lag import tell_lag
from alpr_kafka.records import Place


class Client:
    """Knows the ends of partitions; an exception stands for one that it does not know."""

    def __init__(self, ends):
        self.ends = ends

    def get_watermark_offsets(self, partition, *, cached):
        assert cached  # a broker that is away must not hold up the loop
        end = self.ends[partition.partition]
        if isinstance(end, Exception):
            raise end
        return end if end is None else (0, end)


@pytest.fixture
def topic():
    return f"t-{uuid4().hex}"


def records(topic, partition):
    return REGISTRY.get_sample_value("alpr_consumer_lag_records", {"topic": topic, "partition": str(partition)})


def seconds(topic):
    return REGISTRY.get_sample_value("alpr_consumer_lag_seconds", {"topic": topic})


def test_records_and_seconds_behind_are_told(topic):
    newest = {topic: int((time.time() - 60) * 1000)}
    tell_lag(Client([10, 7]), {Place(topic, 0): 4, Place(topic, 1): 7}, newest)
    assert (records(topic, 0), records(topic, 1)) == (6, 0)
    assert 59 < seconds(topic) < 120


def test_who_has_read_all_is_no_second_behind_however_old_the_records(topic):
    tell_lag(Client([5]), {Place(topic, 0): 6}, {topic: 1})
    assert (records(topic, 0), seconds(topic)) == (0, 0)


@pytest.mark.parametrize("end", [None, -1001, KafkaException(KafkaError(KafkaError._STATE))])
def test_what_the_client_does_not_know_is_not_told(topic, end):
    tell_lag(Client([end]), {Place(topic, 0): 4}, {topic: 1})
    assert records(topic, 0) is None


def test_a_clock_ahead_is_no_negative_lag(topic):
    tell_lag(Client([10]), {Place(topic, 0): 4}, {topic: int((time.time() + 3600) * 1000)})
    assert seconds(topic) == 0
