"""Documents: the same from event and row, never outside of sane times, and lines that the engine can read back."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_schemas import codec, topics
from alpr_schemas.events import PlateEvent
from alpr_schemas.identity import event_id, iso
from alpr_search_indexer.documents import line, of_event
from alpr_search_indexer.errors import Unfit
from alpr_search_indexer.indices import Month, Names
from alpr_search_indexer.template import PROPERTIES

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WRITTEN = Names("alpr-events").written


def event(**more):
    at = more.pop("at", NOW - timedelta(hours=1))
    made = PlateEvent(
        event_id=str(event_id(at, "s", "c", "e", "t")), captured_at=iso(at), camera_id="gate", track_id="t-1",
        plate={"text": "AB 12", "normalized_text": "AB12", "confidence": 0.5},
    ).model_dump(mode="json")  # fmt: skip
    return {**made, **more}


def names_of(properties, path=""):
    for name, field in properties.items():
        if "properties" in field:
            yield from names_of(field["properties"], f"{path}{name}.")
        else:
            yield f"{path}{name}"


def leaves(document, path=""):
    for name, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{name}.")
        elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
            for one in value:
                yield from leaves(one, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def test_every_field_of_a_document_is_in_the_template():
    whole = event(box={"x1": 1.0, "y1": 1.0, "x2": 1.0, "y2": 1.0}, candidates=[{"text": "A", "confidence": 1.0}])
    assert set(leaves(of_event(whole, NOW))) == set(names_of(PROPERTIES)) - {"location"}


def test_every_field_of_the_contract_is_indexed():
    ours = {field["name"] for field in codec.schema(topics.PLATES)["fields"]}
    assert ours <= set(of_event(event(), NOW))


def test_look_alikes_share_what_is_folded():
    plates = ("OB1", "0B1", "QBI", "D81")
    folded = {
        of_event(event(plate={"text": p, "normalized_text": p, "confidence": 1}), NOW)["plate"]["folded"]
        for p in plates
    }
    assert folded == {"081"}


def test_a_line_is_an_action_and_a_source():
    made = line(of_event(event(revision=3), NOW), WRITTEN)
    action, source, rest = made.data.split(b"\n")
    assert json.loads(action)["index"] == {
        "_index": "alpr-events-2026.11", "_id": made.event_id, "version": 3, "version_type": "external",
    }  # fmt: skip
    assert json.loads(source)["plate"]["normalized_text"] == "AB12"
    assert rest == b""


@given(st.datetimes(datetime(2000, 1, 2), datetime(2026, 11, 22)), st.integers(-14 * 60, 14 * 60))
def test_the_month_is_of_the_capture_in_utc_whatever_its_offset(at, offset):
    at = at.replace(tzinfo=UTC)
    written = at.astimezone(timezone(timedelta(minutes=offset))).isoformat()
    made = line(of_event(event(captured_at=written), NOW), WRITTEN)
    assert (made.month, made.captured_at) == (Month(at.year, at.month), at)


@pytest.mark.parametrize(
    "fields",
    [
        {"captured_at": "1970-01-01T00:00:00+00:00"},
        {"captured_at": "2099-01-01T00:00:00+00:00"},
        {"captured_at": (NOW + timedelta(minutes=6)).isoformat()},
        {"captured_at": "2026-11-23T10:00:00"},
        {"captured_at": "yesterday, AB12"},
        {"captured_at": "0001-01-01T00:00:00+14:00"},
        {"captured_at": None},
        {"first_seen_at": "9999-12-31T23:59:59-14:00"},
        {"last_seen_at": "AB12"},
        {"event_id": "AB12"},
        {"event_id": ""},
    ],
)
def test_ids_and_times_that_no_index_should_hold_are_unfit_and_the_reason_holds_no_plate(fields):
    with pytest.raises(Unfit) as e:
        of_event(event(**fields), NOW)
    assert "AB12" not in str(e.value)
    assert str(e.value).startswith(next(iter(fields)))


def test_a_clock_a_little_ahead_is_no_fault():
    assert of_event(event(at=NOW + timedelta(minutes=4)), NOW)


def test_text_that_is_no_unicode_and_numbers_without_end_are_unfit():
    for fields in ({"camera_id": "\ud800"}, {"seq": 1 << 70}):
        with pytest.raises(Unfit):
            line(of_event(event(**fields), NOW), WRITTEN)


@pytest.mark.parametrize(
    "fields",
    [
        {"camera_id": ""},
        {"camera_id": "c" * 51},
        {"track_id": "t" * 51},
        {"plate": {"text": "", "normalized_text": "AB12", "confidence": 0.5}},
        {"plate": {"text": "AB12", "normalized_text": "A" * 21, "confidence": 0.5}},
        {"plate": {"text": "AB12", "normalized_text": "AB12", "confidence": 1.5}},
        {"plate": {"text": "AB12", "normalized_text": "AB12", "confidence": float("nan")}},
        {"plate": {"text": "A\0B", "normalized_text": "AB", "confidence": 0.5}},
        {"source_epoch": "e\0"},
    ],
)
def test_what_the_database_would_refuse_is_unfit(fields):
    with pytest.raises(Unfit) as e:
        line(of_event(event(**fields), NOW), WRITTEN)
    assert "AB12" not in str(e.value)


def test_backslashes_before_u0000_are_text():
    for text in ("\\u0000", "\\\\u0000"):
        assert line(of_event(event(source_epoch=text), NOW), WRITTEN)


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(texts, texts)
def test_any_text_stays_one_line_and_itself(text, camera):
    made = of_event(event(plate={"text": text, "normalized_text": "AB12", "confidence": 1.0}, camera_id=camera), NOW)
    data = line(made, WRITTEN).data
    assert data.count(b"\n") == 2
    source = json.loads(data.split(b"\n")[1])
    assert (source["plate"]["text"], source["camera_id"]) == (text, camera)


@given(st.uuids())
def test_ids_are_written_one_way(some):
    assert of_event(event(event_id=some.hex.upper()), NOW)["event_id"] == str(UUID(int=some.int))
