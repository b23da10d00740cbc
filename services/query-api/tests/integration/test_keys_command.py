"""`alpr-query-api keys` on a real database: what a cluster's job and a person with kubectl run."""

import json

import pytest
from click.testing import CliRunner

from alpr_query_api.__main__ import program
from alpr_storage_consumer.migrate import migrate
from alpr_testing.postgres import fresh_database

pytestmark = pytest.mark.integration
KEY = "alpr_" + "k" * 43


@pytest.fixture
def call(postgres):
    with fresh_database(postgres) as dsn:
        migrate(dsn)

        def run(*arguments, database=dsn):
            return CliRunner().invoke(program, ["keys", *arguments], env={"ALPR_API_DATABASE_URL": database})

        yield run


def names(call):
    return [(key["name"], key["revoked_at"] is not None) for key in map(json.loads, call("list").output.splitlines())]


def test_a_key_that_is_kept_in_a_file_opens_the_api_once_and_for_all(call, tmp_path):
    kept = tmp_path / "key"
    kept.write_text(KEY + "\n")
    assert call("put", "cluster", "--file", str(kept)).output == "It opens the API now.\n"
    assert call("put", "cluster", "--file", str(kept)).output == "It is known already.\n"
    assert names(call) == [("cluster", False)]
    assert call("revoke", "cluster").output == "1 withdrawn\n"
    call("put", "cluster", "--file", str(kept))
    assert names(call) == [("cluster", True)]  # an upgrade's job does not bring back what a person withdrew


def test_a_key_that_could_be_guessed_is_refused_and_not_shown(call, tmp_path):
    (tmp_path / "key").write_text("alpr_secret")
    refused = call("put", "cluster", "--file", str(tmp_path / "key"))
    assert refused.exit_code == 1
    assert "43 or more" in refused.output
    assert "secret" not in refused.output
    assert names(call) == []


def test_a_made_key_is_printed_and_listed_without_it(call):
    made = call("create", "desk").output.strip()
    assert made.startswith("alpr_")
    assert made not in call("list").output
    assert names(call) == [("desk", False)]


def test_an_outage_is_one_sentence_without_the_password(call):
    away = call("list", database="postgresql://user:hidden@127.0.0.1:1/x")
    assert away.exit_code == 1
    assert "is ALPR_API_DATABASE_URL right" in away.output
    assert "hidden" not in away.output
