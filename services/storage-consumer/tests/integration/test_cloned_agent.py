"""Two agents under one id, for a disk or a machine was cloned: told, quarantined with the reason, nothing lost (row 22)."""

import shutil
from contextlib import contextmanager
from uuid import UUID

import pytest

from alpr_edge_agent.agent.delivery import deliver_batch
from alpr_edge_agent.outbox import Outbox
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.publish.kafka import KafkaPublisher
from alpr_kafka.letters import ORIGINAL_TOPIC, RETRIED, retry_topic
from alpr_kafka.producer import Outgoing
from alpr_testing.event_load import Street
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


class Agent:
    """An agent's outbox, and its delivery to Kafka when the test says so."""

    def __init__(self, path, file, name):
        self.box = Outbox.open(file, agent_id=name, max_bytes=1 << 30)
        self._path, self._reader = path, OutboxReader(file)
        self._publisher = KafkaPublisher(path.producer, path.registry)
        self._street = Street(name, self.box.boot_id, seed=len(path.sent))

    def see(self, vehicles):
        """Put as many readings; their ids."""
        events = [self._street.reading() for _ in range(vehicles)]
        self.box.put(events)
        return {UUID(event.event_id) for event in events}

    def deliver(self):
        while deliver_batch(self._reader, self._publisher):
            pass

    def close(self):
        self.box.close()
        self._reader.close()


@pytest.fixture
def agent(path, tmp_path):
    """Opens the agent of a folder, each time as a new boot: a context manager."""

    @contextmanager
    def opened(folder):
        (tmp_path / folder).mkdir(exist_ok=True)
        one = Agent(path, tmp_path / folder / "outbox.db", f"agent-{path.group}")
        try:
            yield one
        finally:
            one.close()

    return opened


def quarantined(path):
    letters = path.letters().values()
    assert {letter["error_type"] for letter in letters} <= {"BUSINESS_LOGIC"}
    assert all(letter["error_message"].startswith("cloned agent id") for letter in letters)
    return {UUID(letter["metadata"]["event_id"]) for letter in letters}


def settled(path, stored, refused):
    until(lambda: len(path.stored()) >= len(stored), 60, "what is to be stored")
    until(lambda: len(path.letters()) >= len(refused), 60, "what is to be refused")
    path.sent = stored
    path.assert_whole()
    assert quarantined(path) == refused


def test_row_22_a_copied_disk_is_told_by_a_boot_that_goes_on_after_a_later_one(path, agent, tmp_path):
    with agent("genuine") as genuine:
        waiting = genuine.see(100)  # they lie on both disks
    shutil.copytree(tmp_path / "genuine", tmp_path / "clone")
    path.start()
    with agent("clone") as clone, agent("genuine") as genuine:
        before = clone.see(100)
        clone.deliver()
        settled(path, waiting | before, set())  # nobody can know yet
        ours = genuine.see(100)
        genuine.deliver()
        settled(path, waiting | before | ours, set())
        theirs = clone.see(100)
        clone.deliver()
        ours |= genuine.see(100)
        genuine.deliver()
        settled(path, waiting | before | ours, theirs)


def test_row_22_a_machine_copied_as_it_ran_is_told_by_a_number_of_two_events(path, agent, tmp_path):
    path.start()
    with agent("genuine") as genuine, agent("clone") as clone:
        clone.box.boot_id = genuine.box.boot_id  # a snapshot of the memory holds it too
        ours = genuine.see(150)
        genuine.deliver()
        settled(path, ours, set())
        theirs = clone.see(100)
        clone.deliver()
        settled(path, ours, theirs)


def test_row_22_what_the_genuine_agent_lost_to_its_clone_is_let_in_by_a_person(path, agent, tmp_path):
    path.start()
    with agent("genuine") as genuine:
        ours = genuine.see(50)
        genuine.deliver()
        settled(path, ours, set())
        with agent("clone") as clone:
            theirs = clone.see(100)
            clone.deliver()
        settled(path, ours | theirs, set())
        late = genuine.see(100)
        genuine.deliver()
        settled(path, ours | theirs, late)
    path.producer.publish(
        [
            Outgoing(
                retry_topic("storage"), letter["original_value"], letter["original_key_bytes"],
                ((ORIGINAL_TOPIC, letter["original_topic"].encode()), (RETRIED, b"1")),
            )
            for letter in path.letters().values()
        ]
    )  # fmt: skip
    settled(path, ours | theirs | late, late)
