"""The commands as people call them, on real servers."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from alpr_search_indexer.commands import reconcile, reindex

pytestmark = pytest.mark.integration
HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def run(monkeypatch, engine_url, database, names, tmp_path):
    from psycopg.conninfo import conninfo_to_dict

    told = conninfo_to_dict(database)
    monkeypatch.setenv("OPENSEARCH_HOSTS", engine_url)
    monkeypatch.setenv("OPENSEARCH_INDEX_PREFIX", names.prefix)
    monkeypatch.setenv("ALPR_DATABASE_URL", database)
    monkeypatch.setenv("ALPR_IMAGES_URL", f"file://{tmp_path}/pictures")
    assert told["dbname"] in database
    return lambda command, *arguments: CliRunner().invoke(command, arguments)


def test_reindex_tells_what_it_did(run, event, store_rows, held):
    store_rows([event(n, HOUR_AGO + timedelta(seconds=n)) for n in range(30)])
    store_rows([event(100, HOUR_AGO - timedelta(days=400))])
    result = run(reindex, "--from-db")
    assert result.exit_code == 0, result.output
    assert "30 events" in result.output
    assert len(held()) == 30


def test_reindex_of_some_months_leaves_others_alone(run, event, store_rows, held):
    store_rows([event(1, HOUR_AGO), event(2, HOUR_AGO - timedelta(days=40))])
    result = run(reindex, "--from-db", "--until", f"{HOUR_AGO:%Y-%m}", "--json")
    assert json.loads(result.stdout) == {"months": {f"{HOUR_AGO - timedelta(days=40):%Y.%m}": 1}, "rows": 1}
    assert held() == {event(2, HOUR_AGO - timedelta(days=40))["event_id"]}


def test_reindex_of_nothing_says_so(run):
    assert "no such events" in run(reindex, "--from-db").output


def test_reconcile_says_what_is_missing_and_drives_it(run, event, store_rows):
    store_rows([event(n, HOUR_AGO + timedelta(seconds=n)) for n in range(10)], created_at=HOUR_AGO)
    told = run(reconcile)
    assert told.exit_code == 1
    assert "10 events are missing from the index; --drive indexes them" in told.output
    driven = run(reconcile, "--drive")
    assert (driven.exit_code, "10 of 10" in driven.output) == (0, True)
    after = run(reconcile, "--json")
    assert after.exit_code == 0, after.output
    facts = json.loads(after.stdout)
    assert (facts["stored"], facts["indexed"], facts["missing"], facts["agrees"]) == (10, 10, 0, True)
    assert facts["pictures"] == {"looked_at": 0, "missing": 0, "orphaned": 0}


def test_an_engine_that_is_away_ends_the_command_with_a_sentence(run, monkeypatch):
    from alpr_testing.ports import free_port

    monkeypatch.setenv("OPENSEARCH_HOSTS", f"http://127.0.0.1:{free_port()}")
    result = run(reconcile)
    assert result.exit_code == 1
    assert "OPENSEARCH_HOSTS" in result.output
    assert "Traceback" not in result.output


def test_a_wrong_setting_ends_the_command_with_its_name(run, monkeypatch):
    monkeypatch.setenv("OPENSEARCH_KEEP", "long")
    result = run(reconcile)
    assert "keep: Value error, write a number and s, m, h or d, as in 24h" in result.output


@pytest.mark.parametrize("window", ["0h", "long", "-1d"])
def test_a_window_that_is_none_is_a_fault_of_usage(run, window):
    assert run(reconcile, "--window", window).exit_code == 2
