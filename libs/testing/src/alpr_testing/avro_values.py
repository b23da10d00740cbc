"""Values that an Avro schema allows, hostile ones among them: strategies for property tests of whoever reads events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

HOSTILE_TEXTS = st.sampled_from(
    ["", " ", "a" * 20, "a" * 21, "a" * 50, "a" * 51, "é" * 50, "\0", "AB12", "\U0001d538" * 20, "{}", "urn:uuid:"]
)
TEXTS = st.one_of(HOSTILE_TEXTS, st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
UUIDS = st.one_of(
    st.uuids().map(str), st.uuids().map(lambda u: u.hex), st.uuids().map(lambda u: f"{{{u}}}"),
    st.uuids().map(lambda u: u.urn), st.uuids().map(lambda u: str(u).upper()),
    st.uuids().map(lambda u: str(u).replace("-", " ", 1)), st.uuids().map(lambda u: f"+{u.hex[1:]}"),
    st.uuids().map(lambda u: f"{u.hex[:10]}_{u.hex[11:]}"), st.uuids().map(lambda u: f" {u.hex[2:]} "),
    st.uuids().map(lambda u: str(u)[:-1]), st.uuids().map(lambda u: str(u) + "0"), TEXTS,
)  # fmt: skip
MOMENTS = st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001 - the strategy gives it its time zone
    datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5.5)), None]),
)
TIMES = st.one_of(
    MOMENTS.map(lambda m: m.isoformat()), MOMENTS.map(lambda m: m.isoformat().replace("+00:00", "Z")),
    MOMENTS.map(lambda m: m.strftime("%Y%m%dT%H%M%S%z")),
    st.sampled_from(["2026-01-02", "now", "2026-W01-1T00:00Z"]), TEXTS,
)  # fmt: skip
FLOATS = st.one_of(st.floats(width=32), st.sampled_from([0.0, 1.0, -0.0, 1.0000001]))

PRIMITIVES = {
    "null": st.none(), "bytes": st.binary(max_size=60), "string": TEXTS, "float": FLOATS, "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1), "long": st.integers(-(2**63), 2**63 - 1),
}  # fmt: skip


def values(schema: Any) -> st.SearchStrategy[Any]:
    """Anything that Avro could decode by `schema`, biased to what is nearly right."""
    match schema:
        case {"type": "record", "fields": fields}:
            return st.fixed_dictionaries({f["name"]: named(f["name"], f["type"]) for f in fields})
        case {"type": "enum", "symbols": symbols}:
            return st.sampled_from(symbols)
        case {"items": items}:
            return st.lists(values(items), max_size=3)
        case {"values": of}:
            return st.dictionaries(TEXTS, values(of), max_size=3)
        case [*options]:
            return st.one_of([values(option) for option in options])
    return values(schema["type"]) if isinstance(schema, dict) else PRIMITIVES[schema]


def named(name: str, schema: Any) -> st.SearchStrategy[Any]:
    """Fields that judges look at are right more often than chance would have them."""
    likely = {
        "event_id": UUIDS, "metric_id": UUIDS, "captured_at": TIMES, "timestamp": TIMES,
        "camera_id": st.one_of(st.just("gate"), TEXTS), "track_id": st.one_of(st.just("t-1"), TEXTS),
        "text": st.one_of(st.just("AB12"), TEXTS), "normalized_text": st.one_of(st.just("AB12"), TEXTS),
        "confidence": st.one_of(st.just(0.5), FLOATS),
    }  # fmt: skip
    if name in {"first_seen_at", "last_seen_at"}:
        return st.one_of(TIMES, st.none()) if isinstance(schema, list) else TIMES
    if name == "plate_event_id":
        return st.one_of(UUIDS, st.none())
    return likely.get(name, values(schema))
