"""A batch of an earlier assignment that fails late: what is read since is not passed over."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import TopicPartition

from alpr_kafka.consumer import Consumer
from alpr_kafka.errors import Fenced, Rewound
from alpr_kafka.handling import Prepared
from alpr_kafka.records import Place
from alpr_kafka.settings import ConsumerSettings, KafkaSettings
from alpr_testing.waiting import until

HERE, MOVED = Place("t", 0), Place("t", 1)
FIRST = 10


class Message:
    """A record of partition 0."""

    def __init__(self, offset):
        self._offset = offset

    def error(self):
        return None

    def topic(self):
        return HERE.topic

    def partition(self):
        return HERE.partition

    def offset(self):
        return self._offset

    def value(self):
        return b"value"

    def key(self):
        return b""

    def headers(self):
        return None

    def timestamp(self):
        return (1, 0)


class Client:
    """Gives one record after another of what is assigned, and calls back within `poll`, as librdkafka does."""

    def __init__(self):
        self.at, self.paused, self.call_back = None, False, None

    def poll(self, _):
        time.sleep(0.002)
        call, self.call_back = self.call_back, None
        if call is not None:
            call()
        if self.at is None or self.paused:
            return None
        self.at += 1
        return Message(self.at - 1)

    def consume(self, *_):
        return []

    def assign(self, told):
        self.at = next(one.offset for one in told if one.partition == HERE.partition)

    def unassign(self):
        self.at = None

    def pause(self, _):
        self.paused = True

    def resume(self, _):
        self.paused = False

    def commit(self, **_):
        pass

    def get_watermark_offsets(self, *_, **__):
        return None


class Keeper:
    """Keeps offsets; its first write waits, and then fails."""

    topics, keeps_offsets = ("t",), True

    def __init__(self, error):
        self.error, self.waits, self.go_on = error, threading.Event(), threading.Event()
        self.next, self.written = FIRST, []

    def prepare(self, records):
        return Prepared(records, len(records))

    def claim(self, _):
        return {HERE: self.next}

    def write(self, prepared, following, _):
        if not self.waits.is_set():
            self.waits.set()
            assert self.go_on.wait(10)
            raise self.error("another has a partition of it")
        self.written += [record.offset for record in prepared.work]
        self.next = following.get(HERE, self.next)

    def close(self):
        pass


@pytest.mark.parametrize("error", [Fenced, Rewound])
def test_nothing_is_passed_over_after_a_batch_of_an_earlier_assignment_was_fenced(error):
    keeper, client, stop = Keeper(error), Client(), threading.Event()
    settings = ConsumerSettings(group_id="g", session_timeout_s=0.2, stop_within_s=0.05)
    consumer = Consumer(settings, KafkaSettings(), keeper, lambda _: None)
    consumer._attach(client)

    def rebalance():
        consumer._on_revoke(client, [])
        consumer._on_assign(client, [TopicPartition("t", 0)])
        keeper.go_on.set()

    with ThreadPoolExecutor(1) as consumer._writer:
        consumer._on_assign(client, [TopicPartition("t", 0), TopicPartition("t", 1)])
        running = threading.Thread(target=consumer._loop, args=(stop,))
        running.start()
        assert keeper.waits.wait(10)
        client.call_back = rebalance
        began = time.monotonic()
        try:  # past the moment at which a fenced consumer claims again
            until(lambda: time.monotonic() - began > 0.6 and len(keeper.written) > 20, 20, "it goes on")
        finally:
            stop.set()
            running.join()
    assert keeper.written == list(range(FIRST, FIRST + len(keeper.written)))
