"""`alpr dlq` on one machine, on a real database: letters of its own delivery, replayed into its own storage."""

from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from click.testing import CliRunner

from alpr_cli.__main__ import alpr
from alpr_dlq_consumer.queries import Selection, connected
from alpr_dlq_consumer.replay import Pace, Replay
from alpr_kafka.records import Record
from alpr_schemas import codec, topics
from alpr_schemas.events import Plate, PlateEvent
from alpr_schemas.identity import event_id, iso
from alpr_standalone import dead_letters
from alpr_standalone.dead_letters import Machine, open_machine
from alpr_standalone.delivery import open_handler

pytestmark = pytest.mark.integration
AT = datetime(2026, 1, 1, tzinfo=UTC)


def event(n, **more):
    given = {
        "event_id": str(event_id(AT, "s", "c", "e", f"t-{n}")), "captured_at": iso(AT), "camera_id": "gate",
        "track_id": f"t-{n}", "plate": Plate(text="ZX81", normalized_text="ZX81", confidence=0.9), "seq": n,
        "agent_id": "a", "boot_id": "b",
    }  # fmt: skip
    return PlateEvent.model_validate({**given, **more})


def asked(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def delivered(database):
    """A machine that refused two records and stored their neighbour."""
    handler = open_handler(database)
    good = codec.encode(event(1))
    handler.store([Record(topics.PLATES, value) for value in (b"\xff\xff", good, b"")])
    handler.close()
    return database


def replay(dsn):
    sender = Machine(dsn).sender()
    with connected(dsn) as db:
        tally = Replay(db, sender, Selection(), Pace(1000.0), "me").run(lambda _: None)
    sender.close()
    return tally


def test_refused_records_of_the_delivery_are_letters_with_a_group(delivered):
    rows = asked(delivered, "SELECT form, consumer, kind, state, fingerprint <> '' FROM dead_letters")
    assert rows == [("plain", "storage", "SCHEMA_VALIDATION", "new", True)] * 2


def test_letter_that_can_be_read_now_is_stored_once_and_the_others_stay(delivered):
    with psycopg.connect(delivered) as connection:  # an older reader refused what today's can read
        connection.execute(
            "INSERT INTO dead_letters (topic, payload, reason) VALUES (%s, %s, 'too new')",
            (topics.PLATES, codec.encode(event(2))),
        )
    tally = replay(delivered)
    assert (tally.replayed, tally.refused, tally.failed) == (1, 2, None)
    assert asked(delivered, "SELECT count(*) FROM plate_events") == [(2,)]
    states = asked(delivered, "SELECT state, attempts, count(*) FROM dead_letters GROUP BY 1, 2 ORDER BY 1")
    assert states == [("new", 1, 2), ("replayed", 0, 1)]
    assert replay(delivered).replayed == 0
    assert asked(delivered, "SELECT count(*) FROM plate_events") == [(2,)]


def test_outage_leaves_the_letters_alone(delivered, monkeypatch):
    sender = Machine("host=127.0.0.1 port=1 connect_timeout=1").sender()
    with connected(delivered) as db:
        tally = Replay(db, sender, Selection(), Pace(1000.0), "me").run(lambda _: None)
    assert "database" in tally.failed
    assert asked(delivered, "SELECT DISTINCT state, attempts FROM dead_letters") == [("new", 0)]


def test_command_works_on_the_machines_own_folder(delivered, tmp_path, monkeypatch):
    @contextmanager
    def running(_):
        yield delivered

    monkeypatch.setattr(dead_letters, "database_of", running)
    for name in ("ALPR_DATABASE_URL", "DB_HOST"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments):
        result = CliRunner().invoke(alpr, ["dlq", *arguments, "--data", str(tmp_path)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert "2 letters would be sent again" in run("replay", "--all", "--dry-run")
    assert "2 were refused again" in run("replay", "--all")
    assert "SCHEMA_VALIDATION" in run("list")
    assert "2 letters discarded" in run("discard", "--all", "--yes")
    assert run("list") == "no letters\n"


def test_folder_without_alpr_up_is_named(tmp_path):
    from alpr_dlq_consumer.errors import Unreachable

    with pytest.raises(Unreachable, match="--data"), open_machine(tmp_path / "nothing"):
        pass
