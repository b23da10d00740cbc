"""`alpr dlq` against a real database: what is shown, what is hidden, and what changes."""

import json
from datetime import UTC, datetime

import psycopg
import pytest
from click.testing import CliRunner

from alpr_dlq_consumer.commands import dlq
from alpr_schemas import codec, topics
from alpr_schemas.events import Images, Plate, PlateEvent
from alpr_schemas.identity import event_id, iso

pytestmark = pytest.mark.integration
AT = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "ZX81PLATE"


def plate(n=1, text=SECRET):
    return PlateEvent(
        event_id=str(event_id(AT, "s", "c", "e", f"t-{n}")), captured_at=iso(AT), camera_id="gate", track_id=f"t-{n}",
        plate=Plate(text=text, normalized_text=text, confidence=0.9), images=Images(plate_url="s/plate.jpg"),
    )  # fmt: skip


def put(dsn, payload, **columns):
    given = {"topic": topics.PLATES, "payload": payload, "reason": "plate.text: too long", "form": "plain",
             "kind": "SCHEMA_VALIDATION", "fingerprint": "ab12cd34ab12cd34", **columns}  # fmt: skip
    names = ", ".join(given)
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            f"INSERT INTO dead_letters ({names}) VALUES ({', '.join(['%s'] * len(given))}) RETURNING id",
            list(given.values()),
        ).fetchone()
    return row[0]


def asked(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def alpr_dlq(database, monkeypatch):
    monkeypatch.setenv("ALPR_DATABASE_URL", database)

    def run(*arguments, code=0, **more):
        result = CliRunner().invoke(dlq, list(arguments), catch_exceptions=False, **more)
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_list_groups_what_has_the_same_cause(database, alpr_dlq):
    for n in range(3):
        put(database, b"%d" % n)
    put(database, b"other", reason="unknown schema id 7", fingerprint="ffff0000ffff0000", consumer="indexer")
    put(database, b"gone", state="discarded")
    groups = [json.loads(line) for line in alpr_dlq("list", "--json").splitlines()]
    assert [(g["fingerprint"], g["letters"], g["consumer"]) for g in groups] == [
        ("ab12cd34ab12cd34", 3, "storage"),
        ("ffff0000ffff0000", 1, "indexer"),
    ]
    shown = alpr_dlq("list")
    assert shown.splitlines()[0].split() == [
        "FINGERPRINT",
        "LETTERS",
        "NEW",
        "PARKED",
        "FIRST",
        "LAST",
        "CONSUMER",
        "KIND",
        "REASON",
    ]
    assert "unknown schema id 7" in shown


def test_list_chooses_by_consumer_under_either_name_and_by_the_start_of_a_fingerprint(database, alpr_dlq):
    put(database, b"1")
    wanted = put(database, b"2", consumer="indexer", fingerprint="ffff0000ffff0000")
    for choice in (("--consumer", "alpr-search-indexer"), ("--fingerprint", "ffff"), ("--id", str(wanted))):
        found = [json.loads(line)["id"] for line in alpr_dlq("list", "--letters", "--json", *choice).splitlines()]
        assert found == [wanted]


def test_empty_table_says_so(alpr_dlq):
    assert alpr_dlq("list") == "no letters\n"


def test_show_hides_the_plate_until_somebody_asks_and_is_noted(database, alpr_dlq):
    number = put(database, codec.encode(plate()), original_key=b"gate", headers='[["x-foreign", "WlgoMQ=="]]')
    hidden = alpr_dlq("show", str(number))
    assert SECRET not in hidden
    assert "gate" in hidden
    assert asked(database, "SELECT * FROM dead_letter_audit") == []
    assert SECRET in alpr_dlq("show", str(number), "--reveal", "--why", "ticket 12")
    ((action, subject, letters, why),) = asked(database, "SELECT action, subject, letters, why FROM dead_letter_audit")
    assert (action, letters, why) == ("reveal", 1, "ticket 12")
    assert subject.startswith(f"id={number} ")


def test_show_gives_bytes_that_nobody_can_read_as_a_dump_only_when_revealed(database, alpr_dlq):
    number = put(database, b"\x00\x00\x00\x00\x07" + SECRET.encode())
    assert SECRET not in alpr_dlq("show", str(number))
    assert "00000000  00 00 00 00 07 5a" in alpr_dlq("show", str(number), "--reveal")


def test_show_finds_a_letter_by_its_dlq_id_and_names_what_is_missing(database, alpr_dlq):
    put(database, b"1", dlq_id="letter-one")
    assert json.loads(alpr_dlq("show", "letter-one", "--json"))["dlq_id"] == "letter-one"
    assert "no letter 999" in alpr_dlq("show", "999", code=1)


def test_discard_asks_first_and_says_how_many(database, alpr_dlq):
    put(database, b"1")
    put(database, b"2", fingerprint="ffff0000ffff0000")
    assert "Discard 1 letters (1 of storage)?" in alpr_dlq("discard", "--fingerprint", "ffff", code=1, input="n\n")
    assert asked(database, "SELECT DISTINCT state FROM dead_letters") == [("new",)]
    assert "1 letters discarded" in alpr_dlq("discard", "--fingerprint", "ffff", "--yes")
    assert asked(database, "SELECT state, count(*) FROM dead_letters GROUP BY 1 ORDER BY 1") == [
        ("discarded", 1),
        ("new", 1),
    ]
    assert asked(database, "SELECT action, letters FROM dead_letter_audit") == [("discard", 1)]


@pytest.mark.parametrize("command", ["discard", "replay"])
def test_nobody_changes_all_letters_by_leaving_an_option_out(alpr_dlq, command):
    assert "say which letters" in alpr_dlq(command, code=2)


@pytest.mark.parametrize("fingerprint", ["%", "", "zzzz", "ab"])
def test_fingerprint_that_would_choose_too_much_is_refused(alpr_dlq, fingerprint):
    assert "fingerprint" in alpr_dlq("discard", "--yes", "--fingerprint", fingerprint, code=2)


def test_letters_without_exact_bytes_are_left_with_the_reason(database, alpr_dlq):
    for form in ("plain", "text", "envelope"):
        put(database, form.encode(), form=form)
    put(database, b"x", form="record", consumer="alpr-alert-engine")
    put(database, b"y", form="record")
    said = alpr_dlq("replay", "--all", "--dry-run")
    assert "1 letters would be sent again" in said
    assert "1 left: an old producer kept only a text" in said
    assert "1 left: no consumer alpr-alert-engine reads a retry topic" in said
    assert asked(database, "SELECT DISTINCT state, attempts FROM dead_letters") == [("new", 0)]
    assert asked(database, "SELECT * FROM dead_letter_audit") == []


def test_database_that_is_away_is_a_sentence_without_its_password(alpr_dlq, monkeypatch):
    monkeypatch.setenv("ALPR_DATABASE_URL", "postgresql://alpr:hunter2@127.0.0.1:1/alpr?connect_timeout=2")
    said = alpr_dlq("list", code=1)
    assert "does not answer" in said
    assert "hunter2" not in said
