"""Counting and expiring on a real PostgreSQL."""

from datetime import timedelta

import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from alpr_dlq_consumer.census import Caretaker, Retention, expire, take_census
from alpr_dlq_consumer.metrics import Metrics

pytestmark = pytest.mark.integration


@pytest.fixture
def db(database):
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def put(db, **columns):
    given = {"topic": "alpr.events.plates", "payload": b"x", "reason": "r", "form": "record", **columns}
    names, marks = ", ".join(given), ", ".join(["%s"] * len(given))
    db.execute(f"INSERT INTO dead_letters ({names}) VALUES ({marks})", list(given.values()))


def scraped(metrics_registry):
    return generate_latest(metrics_registry).decode()


def test_census_counts_states_names_the_largest_groups_and_keeps_labels_few(database, db):
    for n in range(5):
        put(db, fingerprint=f"f{n % 2}")
    for n in range(50):
        put(db, fingerprint=f"s{n}", consumer=f"stranger-{n}", state="parked")
    put(db, fingerprint="old", first_failed_at="2020-01-01", consumer="indexer", kind="TIMEOUT")
    registry = CollectorRegistry()
    Caretaker(database, Metrics(registry), Retention(), "me", largest=2).round()
    said = scraped(registry)
    assert 'alpr_dlq_letters{consumer="storage",state="new"} 5.0' in said
    assert 'alpr_dlq_letters{consumer="other",state="parked"} 50.0' in said
    assert 'alpr_dlq_letters{consumer="metrics",state="new"} 0.0' in said
    assert 'alpr_dlq_group_letters{consumer="storage",fingerprint="f0",kind="UNKNOWN"} 3.0' in said
    assert said.count("alpr_dlq_group_letters{") == 2
    assert "alpr_dlq_groups 3.0" in said
    assert "stranger" not in said
    assert take_census(db, 1).oldest_s["indexer"] > 86_400 * 365


def test_group_that_was_replayed_is_gone_from_the_next_scrape(database, db):
    put(db, fingerprint="f0")
    registry = CollectorRegistry()
    caretaker = Caretaker(database, Metrics(registry), Retention(), "me")
    caretaker.round()
    db.execute("UPDATE dead_letters SET state = 'replayed'")
    caretaker.round()
    assert "f0" not in scraped(registry)
    assert 'alpr_dlq_oldest_seconds{consumer="storage"} 0.0' in scraped(registry)


def test_settled_letters_expire_sooner_than_open_ones_and_the_audit_knows(db):
    for state in ("new", "parked", "replayed", "discarded"):
        put(db, state=state, state_at="2026-01-01")
        put(db, state=state)
    assert expire(db, Retention(open=timedelta(days=36_500)), "me") == {"replayed": 1, "discarded": 1}
    assert expire(db, Retention(), "me") == {"new": 1, "parked": 1}
    assert db.execute("SELECT count(*) FROM dead_letters").fetchone() == (4,)
    assert db.execute("SELECT sum(letters) FROM dead_letter_audit WHERE action = 'expire'").fetchone() == (4,)
