"""`alpr ledger` and the commands that run once, as a person runs them."""

import json
import uuid

import psycopg
import pytest
from click.testing import CliRunner

from alpr_storage_consumer.__main__ import program
from alpr_storage_consumer.commands import ledger
from alpr_testing.readings import reading, store_all

pytestmark = pytest.mark.integration


@pytest.fixture
def run(database, monkeypatch):
    monkeypatch.setenv("ALPR_DATABASE_URL", database)
    return lambda command, *arguments: CliRunner().invoke(command, arguments)


def test_a_whole_ledger_proves_itself(database, run):
    store_all(database, [reading(n) for n in (1, 2, 3)])
    result = run(ledger)
    assert result.exit_code == 0
    assert "3 events of 1 numberings; 0 missing" in result.output
    assert "alpr.events.plates" in result.output


def test_missing_numbers_are_printed_and_end_with_1(database, run):
    store_all(database, [reading(n) for n in (1, 2, 5, 9)])
    result = run(ledger)
    assert result.exit_code == 1
    assert "5 (3-4, 6-8)" in result.output
    told = json.loads(run(ledger, "--json", "--missing").output)
    assert (told["complete"], told["missing"]) == (False, 5)
    assert told["boots"][0]["missing"] == [[3, 4], [6, 8]]
    assert run(ledger, "--agent", "somebody else").exit_code == 0


def test_a_folder_in_which_nothing_ran_is_named(run, monkeypatch, tmp_path):
    monkeypatch.delenv("ALPR_DATABASE_URL")
    result = run(ledger, "--data", str(tmp_path / "nothing"))
    assert result.exit_code == 1
    assert "--data" in result.output


def test_migrate_and_retain_tell_what_they_did(run, monkeypatch):
    assert run(program, "migrate").output == "nothing to do\n"
    monkeypatch.setenv("RETAIN_PLATES", "365d")
    assert "plate_events: 365 days" in run(program, "retain", "--dry-run").output
    assert "plate_events: 0 parts dropped" in run(program, "retain").output


@pytest.fixture
def reader(database):
    name = f"reader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name}")
        yield name
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


def test_a_reader_sees_events_and_writes_its_own_notes_alone(database, run, reader):
    store_all(database, [reading(1)])
    for _ in range(2):
        assert run(program, "migrate", "--reader", reader).exit_code == 0
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"SET ROLE {reader}")
        assert connection.execute("SELECT count(*) FROM plate_events").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM plate_events_hourly").fetchone() == (1,)
        connection.execute("DELETE FROM api_sessions WHERE expires_at < now()")
        connection.execute("DELETE FROM picture_findings WHERE key = 'none'")
        for forbidden in ("DELETE FROM plate_events", "DELETE FROM api_keys", "CREATE TABLE mine (n int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
    assert "InsufficientPrivilege" not in run(program, "migrate", "--reader", reader).output
    assert run(program, "migrate", "--reader", "nobody_of_that_name").exit_code == 1


def test_a_setting_that_is_wrong_is_named(run, monkeypatch):
    monkeypatch.setenv("RETAIN_PLATES", "a year")
    result = run(program, "retain")
    assert result.exit_code == 1
    assert "plates" in result.output
    assert "365d" in result.output


def test_a_database_that_is_away_is_no_traceback(run, monkeypatch):
    monkeypatch.setenv("ALPR_DATABASE_URL", "postgresql://user:secret@127.0.0.1:9/alpr")
    result = run(ledger)
    assert result.exit_code == 1
    assert "ALPR_DATABASE_URL" in result.output
    assert "secret" not in result.output
