"""The agent's half of row 18 of the failure matrix: whatever the clock does, ids rise, and all that was put arrives."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alpr_edge_agent.agent.delivery import deliver_batch
from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.outbox.schema import now_ms
from alpr_edge_agent.sources.stream_clock import StreamClock
from alpr_schemas.identity import millis_of
from alpr_testing.readings import reading

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("jump", "zone"),
    [
        (timedelta(hours=-1), "UTC"),
        (timedelta(hours=1), "UTC"),
        (datetime(2099, 1, 1, tzinfo=UTC), "UTC"),
        (datetime(2028, 2, 28, 23, 59, 59, 900_000, tzinfo=UTC), "UTC"),
        (datetime(2026, 10, 25, 0, 59, 59, 900_000, tzinfo=UTC), "Europe/Berlin"),
        (datetime(2026, 3, 29, 0, 59, 59, 900_000, tzinfo=UTC), "Europe/Berlin"),
    ],
    ids=["an-hour-back", "an-hour-on", "2099", "leap-day", "winter-time", "summer-time"],
)
def test_row_18_whatever_the_clock_does_ids_of_a_boot_rise_and_all_arrive(node, monkeypatch, jump, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        box, start = node.box(), datetime(2026, 3, 1, 12, tzinfo=UTC)
        shift = jump if isinstance(jump, timedelta) else jump - start - timedelta(seconds=2)
        moments = _frames(start.timestamp(), shift.total_seconds())
        events = [_event_at(box.boot_id, number, moment) for number, moment in enumerate(moments)]
        for event in events:
            monkeypatch.setattr("alpr_edge_agent.outbox.now_ms", lambda e=event: _ms(e.captured_at))
            box.put([event])
        node.deliver()
    finally:
        monkeypatch.undo()
        time.tzset()
    ids = [event.event_id for event in events]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert node.ids() == ids
    by_seq = sorted(node.arrived(), key=lambda one: one.seq)
    assert [one.event_id for one in by_seq] == ids
    assert [one.seq for one in by_seq] == list(range(1, len(ids) + 1))
    assert [_ms(event.captured_at) for event in events] == [millis_of(UUID(key)) for key in ids]


def _frames(start_s, shift_s):
    """Capture times of a camera whose node's clock jumps by `shift_s` after two of four seconds."""
    clock = StreamClock()
    for number in range(20):
        media_s = number / 5
        clock.arrived(media_s, start_s + media_s + (shift_s if number >= 10 else 0.0))
        yield clock.captured_at(media_s)


def _event_at(boot, number, moment):
    return reading(number, at=moment, camera_id="gate", track_id=f"t-{number}", boot_id=boot)


def _ms(captured_at):
    return (datetime.fromisoformat(captured_at) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_row_18_while_the_clock_is_far_ahead_events_arrive_with_a_time_that_brokers_take(node, monkeypatch):
    with node.publisher() as publisher, node.reader() as reader:
        put = node.fill(node.box(), 3)
        deliver_batch(reader, publisher)
        until_2099 = (datetime(2099, 1, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds()
        for module in ("outbox", "publish.kafka"):
            monkeypatch.setattr(f"alpr_edge_agent.{module}.now_ms", lambda: now_ms() + int(until_2099 * 1000))
        put += node.fill(node.box(), 3, clock_s=until_2099)
        deliver_batch(reader, publisher)
    assert node.ids() == sorted(put)
    assert max(one.timestamp_ms for one in node.arrived()) <= now_ms()


def test_row_18_a_clock_that_was_never_right_is_named_and_events_wait_for_it(node, monkeypatch):
    monkeypatch.setattr("alpr_edge_agent.outbox.now_ms", lambda: 4_070_908_800_000)
    put = node.fill(node.box(), 3)
    with node.publisher() as publisher, node.reader() as reader:
        with monkeypatch.context() as wrong:
            wrong.setattr("alpr_edge_agent.publish.kafka.now_ms", lambda: 4_070_908_800_000)
            with pytest.raises(DeliveryUnavailable, match="clock is ahead"):
                deliver_batch(reader, publisher)
            assert node.waiting() == len(put)
        deliver_batch(reader, publisher)  # the clock was set
    assert node.ids() == sorted(put)
