"""Replaying on a real PostgreSQL: what moves, what stays, and what a kill leaves."""

import os
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from alpr_dlq_consumer.queries import Selection, connected
from alpr_dlq_consumer.replay import Outcome, Pace, Replay

pytestmark = pytest.mark.integration


def put(dsn, letters, **columns):
    given = {"topic": "alpr.events.plates", "reason": "r", "form": "record", "fingerprint": "ab12", **columns}
    with psycopg.connect(dsn) as connection:
        for n in range(letters):
            row = {**given, "payload": b"%d" % n}
            marks = ", ".join(["%s"] * len(row))
            connection.execute(f"INSERT INTO dead_letters ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def states(dsn):
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT state, count(*)::int FROM dead_letters GROUP BY 1")
        return dict(rows.fetchall())


NEW = Selection()


class Sends:
    """Takes what it is told to take."""

    def __init__(self, refuse=(), fail_at=None):
        self.sent, self.refuse, self.fail_at = [], refuse, fail_at

    def sendable(self, letter):
        return None if letter.form == "record" else "not exact"

    def send(self, letters):
        self.sent += [letter.payload for letter in letters]
        if self.fail_at is not None and len(self.sent) > self.fail_at:
            return Outcome(frozenset(letter.id for letter in letters[:1]), failed="the broker is away")
        refused = {letter.id: "still wrong" for letter in letters if letter.payload in self.refuse}
        return Outcome(frozenset(letter.id for letter in letters) - refused.keys(), refused)

    def close(self):
        pass


def replay(dsn, sender, per_s=10_000.0, selection=NEW, stop=None):
    with connected(dsn) as db:
        run = Replay(db, sender, selection, Pace(per_s), "me@here", stop=stop or threading.Event())
        return run.run(lambda _: None)


def test_letters_go_in_their_order_and_move_when_acknowledged(database):
    put(database, 250)
    sender = Sends()
    tally = replay(database, sender)
    assert sender.sent == [b"%d" % n for n in range(250)]
    assert (tally.replayed, tally.failed) == (250, None)
    assert states(database) == {"replayed": 250}
    with psycopg.connect(database) as connection:
        audit = connection.execute("SELECT actor, action, letters FROM dead_letter_audit").fetchall()
    assert audit == [("me@here", "replay", 250)]


def test_what_was_not_acknowledged_stays_and_ends_the_run(database):
    put(database, 250)
    tally = replay(database, Sends(fail_at=100))
    assert tally.failed == "the broker is away"
    assert states(database) == {"replayed": 101, "new": 149}


def test_refused_letters_stay_with_the_new_reason_and_park_at_the_fifth_trip(database):
    put(database, 3)
    for trip in range(1, 6):
        tally = replay(database, Sends(refuse=(b"1",)))
        assert tally.refused == 1
        with psycopg.connect(database) as connection:
            row = connection.execute("SELECT attempts, state, reason FROM dead_letters WHERE payload = '1'").fetchone()
        assert row == (trip, "parked" if trip == 5 else "new", "still wrong")
    assert states(database) == {"replayed": 2, "parked": 1}


def test_letter_that_made_five_trips_is_parked_unless_asked_for(database):
    put(database, 2, attempts=5)
    sender = Sends()
    assert replay(database, sender).parked == 2
    assert sender.sent == []
    assert replay(database, sender, selection=Selection(("new", "parked"))).replayed == 2


def test_rate_holds_and_a_stop_ends_it_after_the_page(database):
    put(database, 60)
    began = time.monotonic()
    assert replay(database, Sends(), per_s=40.0).replayed == 60
    assert 1.0 <= time.monotonic() - began <= 6.0
    put(database, 60)
    stop = threading.Event()

    class Stopping(Sends):
        def send(self, letters):
            stop.set()
            return super().send(letters)

    assert replay(database, Stopping(), per_s=40.0, stop=stop).replayed == 10


def test_two_replays_at_once_send_no_letter_twice(database):
    put(database, 400)
    senders = [Sends(), Sends()]
    threads = [threading.Thread(target=replay, args=(database, s, 2000.0)) for s in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    replay(database, senders[0])  # what one skipped while the other held it
    sent = [payload for s in senders for payload in s.sent]
    assert sorted(sent) == sorted(b"%d" % n for n in range(400))


KILLED = """
import sys, threading
from pathlib import Path
from alpr_dlq_consumer.queries import Selection, connected
from alpr_dlq_consumer.replay import Outcome, Pace, Replay
class Sends:
    def sendable(self, letter): return None
    def send(self, letters):
        with Path(sys.argv[2]).open("ab") as out:
            out.writelines(letter.payload + b"\\n" for letter in letters)
        return Outcome(frozenset(letter.id for letter in letters))
    def close(self): pass
with connected(sys.argv[1]) as db:
    Replay(db, Sends(), Selection(), Pace(400.0), "me").run(lambda _: None)
"""


def test_kill_between_acknowledgement_and_state_sends_a_page_twice_at_most(database, tmp_path):
    put(database, 150)
    out = tmp_path / "sent"
    environment = {**os.environ, "ALPR_FAILPOINT": "after_produce:2"}
    command = [sys.executable, "-c", KILLED, database, str(out)]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert states(database) == {"replayed": 100, "new": 50}
    subprocess.run(command, check=True)
    sent = out.read_bytes().split()
    assert set(sent) == {b"%d" % n for n in range(150)}
    assert max(sent.count(payload) for payload in set(sent)) == 2
    assert states(database) == {"replayed": 150}
