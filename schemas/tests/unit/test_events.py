from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_schemas import codec, topics
from alpr_schemas.events import (
    Candidate,
    Extras,
    MetricEvent,
    MetricType,
    Plate,
    PlateEvent,
    Rectangle,
    TrackingInfo,
    VehicleEvent,
    VehicleInfo,
)
from alpr_schemas.identity import event_id, iso, millis_of

moments = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(lambda m: m.replace(tzinfo=UTC))
names = st.text(min_size=1, max_size=20)
shares = st.floats(0, 1, width=32)


@given(moments, names, names, names, names)
def test_an_id_is_a_uuid7_of_its_time_and_is_stable(moment, site, camera, epoch, track):
    first = event_id(moment, site, camera, epoch, track)
    assert first == event_id(moment, site, camera, epoch, track)
    assert first.version == 7
    assert first.variant == UUID(int=0x8 << 60 | 1).variant
    assert millis_of(first) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(moments, names, names)
def test_another_track_is_another_id(moment, one, other):
    same = event_id(moment, "s", "c", "e", one) == event_id(moment, "s", "c", "e", other)
    assert same == (one == other)


def test_parts_do_not_run_into_each_other():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert event_id(moment, "ab", "c", "e", "t") != event_id(moment, "a", "bc", "e", "t")


@given(moments, names.filter(lambda t: len(t) <= 20), shares, st.lists(st.tuples(names, shares), max_size=3))
def test_a_plate_event_survives_avro(moment, text, confidence, candidates):
    event = PlateEvent(
        event_id=str(event_id(moment, "s", "c", "e", "t")),
        captured_at=iso(moment),
        camera_id="c",
        track_id="t-1",
        plate=Plate(text=text, normalized_text=text, confidence=confidence, region=None),
        extras=Extras(quality_score=0.5, frame_number=7),
        box=Rectangle(x1=1, y1=2, x2=3, y2=4),
        candidates=tuple(Candidate(text=t, confidence=c) for t, c in candidates),
        seq=3,
        boot_id="b",
        agent_id="a",
    )
    assert codec.decode(topics.PLATES, codec.encode(event)) == event


def test_a_vehicle_event_and_a_metric_survive_avro():
    now = iso(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    some_id = str(UUID(int=5))
    vehicle = VehicleEvent(
        event_id=some_id,
        captured_at=now,
        camera_id="c",
        track_id="t-1",
        vehicle=VehicleInfo(bbox=Rectangle(x1=0, y1=0, x2=1, y2=1), confidence=0.5),
        tracking=TrackingInfo(first_seen_at=now, last_seen_at=now, dwell_time_seconds=0.0),
    )
    metric = MetricEvent(
        metric_id=some_id,
        timestamp=now,
        host_id="h",
        metric_type=MetricType.CUSTOM,
        metric_name="lost",
        value=1,
        unit="events",
        tags={"reason": "full"},
    )
    assert codec.decode(topics.VEHICLES, codec.encode(vehicle)) == vehicle
    assert codec.decode(topics.METRICS, codec.encode(metric)) == metric


@given(st.binary(max_size=60))
def test_foreign_bytes_are_refused_and_never_crash(payload):
    try:
        codec.decode(topics.PLATES, payload)
    except codec.Undecodable as e:
        assert topics.PLATES in str(e)


def test_a_time_without_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        MetricEvent(
            metric_id=str(UUID(int=1)),
            timestamp="2026-01-01T00:00:00",
            host_id="h",
            metric_type=MetricType.FPS,
            metric_name="m",
            value=1,
            unit="u",
        )
