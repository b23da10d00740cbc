"""When nodes may change: windows by the clock on the wall, in the site's time zone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alpr_schemas.resources import Window

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_QUARTER: Final = timedelta(minutes=15)


def zone_of(timezone: str) -> ZoneInfo:
    """The time zone of this name; UTC where there is none."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def is_open(windows: Sequence[Window], timezone: str, now: datetime) -> bool:
    """Whether `now` (aware) lies in one of `windows`; without windows it is always open.

    A window holds its start and not its end. One that ends before it starts goes past midnight and belongs to the day
    on which it starts. No days means every day.
    """
    local = now.astimezone(zone_of(timezone))
    return not windows or any(_holds(window, local) for window in windows)


def _holds(window: Window, local: datetime) -> bool:
    start, end = time.fromisoformat(window.start), time.fromisoformat(window.end)
    clock = local.time()
    today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    if start < end:
        return _on(window, today) and start <= clock < end
    return (_on(window, today) and clock >= start) or (_on(window, yesterday) and clock < end)


def _on(window: Window, day: str) -> bool:
    return not window.days or day in window.days


def next_opening(windows: Sequence[Window], timezone: str, now: datetime) -> datetime | None:
    """The first moment (UTC) after `now` in a window; `now` itself where one is open; None where none opens in 8 days.

    A window that the change to summer time swallows whole does not open on that day.
    """
    if is_open(windows, timezone, now):
        return now
    return min((moment for window in windows for moment in _openings(window, timezone, now)), default=None)


def _openings(window: Window, timezone: str, now: datetime) -> Iterator[datetime]:
    zone = zone_of(timezone)
    today = now.astimezone(zone).date()
    for day in range(9):
        start = datetime.combine(today + timedelta(days=day), time.fromisoformat(window.start), zone).astimezone(UTC)
        # Where the clock jumps over the start, the window opens when it lands; clocks jump at quarters of an hour.
        landing = start - timedelta(minutes=start.minute % 15) - 12 * _QUARTER
        candidates = [start, *(landing + quarter * _QUARTER for quarter in range(25))]
        opening = [moment for moment in candidates if moment > now and _holds(window, moment.astimezone(zone))]
        if opening:
            yield min(opening)
            return
