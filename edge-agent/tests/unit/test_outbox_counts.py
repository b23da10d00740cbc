"""What the outbox says of itself equals what is counted in it, whatever was done to it, and costs nothing to ask."""

import sqlite3
import tempfile
from pathlib import Path
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alpr_edge_agent.outbox import Outbox, SpooledImage, migrations
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.outbox.schema import connect
from alpr_schemas import codec, topics
from alpr_testing.readings import reading


def counted(path):
    """The same figures by counting: events, pictures, their bytes, and the oldest."""
    box = sqlite3.connect(path)
    try:
        events, size = box.execute("SELECT count(*), coalesce(sum(length(payload)), 0) FROM outbox").fetchone()
        images, pictures = box.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM images").fetchone()
        oldest = box.execute("SELECT created_ms FROM outbox WHERE id = (SELECT min(id) FROM outbox)").fetchone()
        return events, images, size + pictures, oldest[0] if oldest else None
    finally:
        box.close()


def put_as_the_first_agent_did(path, number):
    box = sqlite3.connect(path, isolation_level=None)
    event = reading(number)
    box.execute(
        "INSERT INTO outbox (event_id, topic, key, payload, agent_id, boot_id, seq, traceparent, created_ms)"
        " VALUES (?, ?, 'c', ?, 'n', 'b', ?, NULL, 7)",
        (UUID(event.event_id).bytes, topics.PLATES, codec.encode(event), number),
    )
    box.close()


class Box(RuleBasedStateMachine):
    """Puts, drops for want of room, deliveries, crashes and an older agent's writes, in any order."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.db"
        self.next, self.sent, self.overfilled = 0, 0, False
        self.open()

    def open(self):
        self.box = Outbox.open(self.path, agent_id="n", max_bytes=4000)
        self.reader = OutboxReader(self.path)

    @rule(many=st.integers(1, 8), pictures=st.integers(0, 3), again=st.booleans())
    def puts(self, many, pictures, again):
        numbers = range(self.next, self.next + many)
        images = [self.picture(n) for n in list(numbers)[:pictures]]
        for _ in range(1 + again):
            self.box.put([reading(n) for n in numbers], images)
        self.next += many
        # What was dropped for want of room in the first round is new again in the second.

    def picture(self, number):
        path = Path(self.folder.name) / f"{number}.jpg"
        path.write_bytes(b"x" * 100)
        kind = "frame" if number % 2 else "plate"
        return SpooledImage(f"s/{number}", reading(number).event_id, kind, path, "00", 100)

    @rule(many=st.integers(1, 10))
    def delivers(self, many):
        rows = self.reader.peek(many)
        self.reader.delete(rows)
        self.reader.delete(rows)  # acknowledged twice, gone once
        self.sent += len(rows)
        for image in self.reader.images(many // 2):
            self.reader.delete_image(image)

    @rule()
    def crashes(self):
        self.box._db.close()
        self.reader.close()
        self.open()

    @rule()
    def is_written_by_an_older_agent(self):
        put_as_the_first_agent_did(self.path, self.next)
        self.overfilled = True  # it looks up the room by itself, which this does not do for it
        self.next += 1

    @rule()
    def is_opened_by_an_older_agent(self):
        box = sqlite3.connect(self.path, isolation_level=None)
        box.executescript(migrations._TABLES)
        box.close()

    @invariant()
    def is_bounded(self):
        assert self.reader.backlog().size_bytes <= 4000 or self.overfilled

    @invariant()
    def says_what_is_counted(self):
        told = self.reader.backlog()
        assert (told.events, told.images, told.size_bytes, told.oldest_ms) == counted(self.path)
        assert told.sent == self.sent
        assert told.dropped == sum(stone.last_seq - stone.first_seq + 1 for stone in self.reader.tombstones())

    def teardown(self):
        self.box.close()
        self.reader.close()
        self.folder.cleanup()


TestBox = Box.TestCase
TestBox.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_a_first_file_with_a_backlog_is_counted_when_it_comes_forward(tmp_path):
    path = tmp_path / "outbox.db"
    box = sqlite3.connect(path)
    box.executescript(migrations._TABLES)
    box.close()
    for number in range(7):
        put_as_the_first_agent_did(path, number)
    reader = OutboxReader(path)
    told = reader.backlog()
    assert (told.events, told.images, told.size_bytes, told.oldest_ms) == counted(path)
    assert told.events == 7
    reader.close()


def test_asking_reads_no_more_of_a_large_box_than_of_a_small_one(tmp_path):
    path = tmp_path / "outbox.db"
    box = connect(path)
    plans = [
        row[3]
        for sql in ("SELECT events FROM counts", "SELECT created_ms FROM outbox ORDER BY id LIMIT 1")
        for row in box.execute(f"EXPLAIN QUERY PLAN {sql}")
    ]
    box.close()
    assert plans == ["SCAN counts", "SCAN outbox"]  # by rowid, ended by its LIMIT: nothing is sorted or counted
