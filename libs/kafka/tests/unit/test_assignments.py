"""Which partitions are ours, through whatever Kafka gives and takes."""

from confluent_kafka import OFFSET_STORED, TopicPartition

from alpr_kafka.assignments import Assignment
from alpr_kafka.records import Place


class Client:
    """What `Assignment` tells its client; no Kafka."""

    def __init__(self):
        self.assigned, self.resumed = [], []

    def assign(self, told):
        self.assigned = [(one.topic, one.partition, one.offset) for one in told]

    def resume(self, told):
        self.resumed = [(one.topic, one.partition) for one in told]


def given(*partitions):
    found = Assignment()
    found.given(TopicPartition("t", partition) for partition in partitions)
    return found


def test_what_is_given_is_unclaimed_until_it_is_begun():
    assignment, client = given(1, 0), Client()
    assert assignment.unclaimed == assignment.places == {Place("t", 0), Place("t", 1)}
    assignment.begin(client, {Place("t", 1): 7}, OFFSET_STORED)
    assert not assignment.unclaimed
    assert client.assigned == [("t", 0, OFFSET_STORED), ("t", 1, 7)]
    assert client.resumed == [("t", 0), ("t", 1)]


def test_each_change_is_another_generation_even_with_the_same_partitions():
    assignment = given(0)
    first = assignment.generation
    assignment.given(assignment.held())
    second = assignment.generation
    assignment.taken()
    assert len({first, second, assignment.generation}) == 3
    assert not assignment.places
    assert not assignment.unclaimed
    assert assignment.held() == []


def test_claiming_one_set_does_not_change_the_other():
    assignment = given(0, 1)
    assignment.unclaimed.discard(Place("t", 0))
    assert assignment.places == {Place("t", 0), Place("t", 1)}
