"""Letters for people and for programs: pure. No plate leaves here, unless somebody asked for it by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from alpr_dlq_consumer.queries import Group, Kept

HIDDEN = "(hidden; --reveal shows it)"
_PLATE_FIELDS = {"text", "normalized_text"}
_REASON_CHARACTERS = 60
_OUR_HEADERS = ("alpr.", "__connect.errors.", "traceparent", "tracestate")
_ROW = 16

GROUP_TITLES = ("FINGERPRINT", "LETTERS", "NEW", "PARKED", "FIRST", "LAST", "CONSUMER", "KIND", "REASON")
LETTER_TITLES = ("ID", "STATE", "TRIPS", "AT", "TOPIC", "PLACE", "CONSUMER", "FINGERPRINT", "REASON")


def group_row(group: Group) -> tuple[str, ...]:
    """The cells of GROUP_TITLES."""
    return (
        group.fingerprint, str(group.letters), str(group.states["new"]), str(group.states["parked"]),
        clock(group.first), clock(group.last), group.consumer, group.kind, clip(group.reason),
    )  # fmt: skip


def letter_row(kept: Kept) -> tuple[str, ...]:
    """The cells of LETTER_TITLES."""
    place = f"{kept.original_partition}@{kept.original_offset}" if kept.original_partition is not None else "-"
    return (
        str(kept.id), kept.state, str(kept.attempts), clock(kept.at), kept.topic, place, kept.consumer,
        kept.fingerprint, clip(kept.reason),
    )  # fmt: skip


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of aligned columns."""
    widths = [max(len(row[n]) for row in (titles, *rows)) for n in range(len(titles))]
    for row in (titles, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def group_facts(group: Group) -> dict[str, Any]:
    """A group for a program."""
    return {
        "fingerprint": group.fingerprint, "letters": group.letters, "states": group.states,
        "first": group.first.isoformat(), "last": group.last.isoformat(), "consumer": group.consumer,
        "kind": group.kind, "topic": group.topic, "reason": group.reason,
    }  # fmt: skip


def letter_facts(kept: Kept) -> dict[str, Any]:
    """A letter for a program: all but what the record holds."""
    return {
        "id": kept.id, "dlq_id": kept.dlq_id, "state": kept.state, "state_at": kept.state_at.isoformat(),
        "attempts": kept.attempts, "topic": kept.topic, "partition": kept.original_partition,
        "offset": kept.original_offset, "consumer": kept.consumer, "kind": kept.kind, "reason": kept.reason,
        "fingerprint": kept.fingerprint, "first_failed_at": kept.first_failed_at.isoformat(),
        "at": kept.at.isoformat(), "traceparent": kept.traceparent, "metadata": kept.metadata, "form": kept.form,
        "size_bytes": len(kept.payload),
    }  # fmt: skip


def headers_facts(kept: Kept, *, reveal: bool) -> dict[str, str]:
    """The record's headers; a value that is not ours may hold anything and is shown only when revealed."""
    return {
        name: value.decode("utf-8", "backslashreplace") if reveal or name.startswith(_OUR_HEADERS) else HIDDEN
        for name, value in kept.original_headers()
    }


def masked(decoded: Any) -> Any:
    """`decoded` with the texts of plates replaced, however deep they lie."""
    if isinstance(decoded, Mapping):
        return {key: HIDDEN if key in _PLATE_FIELDS else masked(value) for key, value in decoded.items()}
    if isinstance(decoded, list | tuple):
        return [masked(item) for item in decoded]
    return decoded


def hexdump(data: bytes, limit: int = 4096) -> Iterator[str]:
    """Sixteen bytes a line: where, hexadecimal, and as text."""
    for start in range(0, min(len(data), limit), _ROW):
        row = data[start : start + _ROW]
        words = " ".join(f"{byte:02x}" for byte in row)
        yield f"{start:08x}  {words:<47}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}"
    if len(data) > limit:
        yield f"… {len(data) - limit} bytes more"


def clock(at: datetime) -> str:
    """A time for a person, in their own zone."""
    return f"{at.astimezone(tz=None):%Y-%m-%d %H:%M:%S}"


def clip(text: str) -> str:
    """The start of `text`, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _REASON_CHARACTERS else line[: _REASON_CHARACTERS - 1] + "…"


def dumped(facts: Any) -> str:
    """`facts` as JSON for people."""
    return json.dumps(facts, indent=2, ensure_ascii=False, default=str)
