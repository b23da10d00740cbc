"""Parameters that many routes share, and what they mean."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BeforeValidator

from alpr_query_api.errors import Refused
from alpr_query_api.queries import Filters

_LOST_PLUS = re.compile(r"(\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:\d\d)$")
_INTERVAL = re.compile(r"(\d{1,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _mended(value: object) -> object:
    """A `+` that a caller forgot to encode arrives as a space."""
    return _LOST_PLUS.sub(r"\1+\2", value) if isinstance(value, str) else value


AskedTime = Annotated[
    datetime | None,
    BeforeValidator(_mended),
    Query(description="ISO 8601, as in 2026-01-02T03:04:05+00:00; without an offset it is UTC"),
]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Text = Annotated[str | None, Query(min_length=1, max_length=100)]


def aware(moment: datetime | None) -> datetime | None:
    """`moment` with UTC where it says no offset."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def period(start_time: AskedTime = None, end_time: AskedTime = None) -> Filters:
    """The time that is asked for. Raises Refused where it ends before it starts."""
    start, end = aware(start_time), aware(end_time)
    if start is not None and end is not None and end < start:
        raise Refused(422, "end_time: lies before start_time; swap them", "end_time")
    return Filters(start=start, end=end)


Period = Annotated[Filters, Depends(period)]


def interval_of(text: str) -> timedelta:
    """`15m`, `1h`, `7d` as a duration. Raises Refused."""
    found = _INTERVAL.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise Refused(422, "interval: write a number and s, m, h, d or w, as in 15m or 1h", "interval")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def said(**filters: object) -> dict[str, object]:
    """The filters as the answer repeats them; times with their offset."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in filters.items()}
