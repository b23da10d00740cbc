"""Plate events from Avro's bytes straight into a row of the binary COPY format, without values in between: pure.

Nearly every record of the event path is one of these, and to decode it into a dict and that into a row was most of the
work of storing it. What is unusual in any way (texts other than ASCII or long, anything that a model would refuse)
gives None and goes by `alpr_kafka.decoding` and `rows`, which know how to say what is wrong. A property test holds both
ways equal, byte by byte. The layout is that of `plate_event.avsc`; a change of the schema fails that test.
"""

from __future__ import annotations

from struct import Struct, error
from typing import Final, Generic, NamedTuple, TypeVar

from alpr_plates.text import fold
from alpr_storage_consumer.binary_copy import (
    FALSE,
    NULL,
    TRUE,
    Integers,
    double,
    four_reals,
    jsonb,
    microseconds,
    row_head,
    text,
    timestamp,
    uuid_bytes,
)
from alpr_storage_consumer.rows import CALENDAR_US, LONGEST_NAME, LONGEST_PLATE, PLATE_COLUMNS

_FIELDS = len(PLATE_COLUMNS)
_KEPT = 1 << 16
_MORE = 0x80
"""A byte of Avro's numbers from here on says that another one follows."""
_SOME = 2
"""How Avro writes that a value of a union with null is there."""
_LARGEST_SHIFT = 63
_FLOAT, _BOX = Struct("<f").unpack_from, Struct("<4f").unpack_from
_FLOAT_BYTES, _BOX_BYTES = 4, 16
_LENGTHS: Final = tuple(n.to_bytes(4, "big") for n in range(_MORE * _MORE // 2))
_NO_EXTRAS: Final = (NULL, NULL, NULL, NULL)
_integers = Integers()
T = TypeVar("T")


class Transcoded(NamedTuple):
    """A row, and what the ledger and the calendar want to know of it; `seq` as it came."""

    line: bytes
    key: bytes
    at_us: int
    seq: int
    agent: str
    boot: str
    site: str | None


class _UnusualError(Exception):
    """The other way must be taken."""


class _Kept(dict[bytes, T], Generic[T]):
    """What was made of the same bytes before; it forgets everything when it holds too much."""

    def keep(self, raw: bytes, made: T) -> T:
        if len(self) > _KEPT:
            self.clear()
        self[raw] = made
        return made


_names: _Kept[bytes] = _Kept()
_folds: _Kept[bytes] = _Kept()
_vehicles: _Kept[bytes] = _Kept()
_nodes: _Kept[tuple[bytes, str | None]] = _Kept()
_sources: _Kept[tuple[bytes, str, str]] = _Kept()
_digests: _Kept[bytes] = _Kept()


def transcoded(value: bytes, start: int) -> Transcoded | None:
    """The row of the plate event that lies in `value` from `start` on, written by our own schema; None: ask `rows`."""
    try:
        return _row(value, start)
    except (_UnusualError, IndexError, ValueError, error):
        return None


def _row(b: bytes, at: int) -> Transcoded:
    raw, at = _cut(b, at)
    key = uuid_bytes(str(raw, "ascii"))
    raw, at = _cut(b, at)
    at_us = microseconds(str(raw, "ascii"))
    camera, at = _cut(b, at)
    track, at = _cut(b, at)
    plate, at = _cut(b, at)
    normalized, at = _cut(b, at)
    if not (0 < len(track) <= LONGEST_NAME and 0 < len(plate) <= LONGEST_PLATE and track.isascii() and plate.isascii()):
        raise _UnusualError
    confidence = _share(b, at)
    region, at = _maybe(b, at + _FLOAT_BYTES)
    start, at = at, _after_texts(b, at, 4)
    vehicle = _vehicles.get(b[start:at]) or _vehicles.keep(b[start:at], _texts(b, start, 4))
    plate_url, at = _maybe(b, at)
    vehicle_url, at = _maybe(b, at)
    frame_url, at = _maybe(b, at)
    latency, at = _number(b, at)
    start, at = at, _after_texts(b, at, 2)
    node = _nodes.get(b[start:at]) or _nodes.keep(b[start:at], _node(b, start))
    (roi, direction, quality, frame), at = _extras(b, at)
    revision, at = _number(b, at)
    candidates, at = _candidates(b, at)
    reads, at = _number(b, at)
    box, at = _box(b, at)
    first_seen, at = _seen(b, at)
    last_seen, at = _seen(b, at)
    resumed, start = b[at], at + 1
    at = _after(b, _after(b, _after(b, start)))
    source = _sources.get(b[start:at]) or _sources.keep(b[start:at], _source(b, start))
    seq, at = _number(b, at)
    digests = _digests.get(b[at:]) or _digests.keep(b[at:], _last_two(b, at))
    line = b"".join((
        row_head(_FIELDS, key, at_us), _names.get(camera) or _name(camera), _LENGTHS[len(track)], track,
        _LENGTHS[len(plate)], plate, _LENGTHS[len(normalized)], normalized, double(confidence), region, vehicle,
        plate_url, vehicle_url, frame_url, _integers[latency], quality, frame, node[0], roi, direction,
        _integers[revision], _folds.get(normalized) or _folded(normalized), candidates, _integers[reads], box,
        first_seen, last_seen, _BOOLEANS[resumed], source[0], b"\0\0\0\x08", seq.to_bytes(8, "big", signed=True),
        digests,
    ))  # fmt: skip
    return Transcoded(line, key, at_us, seq, source[1], source[2], node[1])


_BOOLEANS = (FALSE, TRUE)


def _cut(b: bytes, at: int) -> tuple[bytes, int]:
    """A text of less than 8,192 bytes, and where it ends."""
    size, at = b[at], at + 1
    if size >= _MORE:
        more = b[at]
        if more >= _MORE:
            raise _UnusualError
        size, at = size & 0x7F | more << 7, at + 1
    if size & 1:
        raise _UnusualError
    end = at + (size >> 1)
    if end > len(b):
        raise _UnusualError
    return b[at:end], end


def _after(b: bytes, at: int) -> int:
    """Where a text ends."""
    size, at = b[at], at + 1
    if size >= _MORE:
        more = b[at]
        if more >= _MORE:
            raise _UnusualError
        size, at = size & 0x7F | more << 7, at + 1
    if size & 1:
        raise _UnusualError
    return at + (size >> 1)


def _after_texts(b: bytes, at: int, count: int) -> int:
    """Where `count` texts that may be null end."""
    for _ in range(count):
        given = b[at]
        at = at + 1 if given == 0 else _after(b, at + 1)
        if given not in {0, _SOME}:
            raise _UnusualError
    return at


def _maybe(b: bytes, at: int) -> tuple[bytes, int]:
    """The field of a text that may be null, and where it ends."""
    given = b[at]
    if given == 0:
        return NULL, at + 1
    raw, at = _cut(b, at + 1)
    if given != _SOME or not raw.isascii():
        raise _UnusualError
    return _LENGTHS[len(raw)] + raw, at


def _texts(b: bytes, at: int, count: int) -> bytes:
    fields = []
    for _ in range(count):
        found, at = _maybe(b, at)
        fields.append(found)
    return b"".join(fields)


def _number(b: bytes, at: int) -> tuple[int, int]:
    """An Avro int or long, and where it ends."""
    number, at = b[at], at + 1
    if number >= _MORE:
        number, shift, more = number & 0x7F, 7, _MORE
        while more >= _MORE:
            more, at = b[at], at + 1
            number |= (more & 0x7F) << shift
            shift += 7
        if shift > _LARGEST_SHIFT:
            raise _UnusualError
    return number >> 1 ^ -(number & 1), at


def _share(b: bytes, at: int) -> float:
    found = float(_FLOAT(b, at)[0])
    if not 0 <= found <= 1:
        raise _UnusualError
    return found


def _node(b: bytes, at: int) -> tuple[bytes, str | None]:
    return _texts(b, at, 2), None if b[at] == 0 else _cut(b, at + 1)[0].decode("ascii")


def _source(b: bytes, at: int) -> tuple[bytes, str, str]:
    epoch, at = _cut(b, at)
    agent, at = _cut(b, at)
    boot, at = _cut(b, at)
    told = [raw.decode("ascii") for raw in (epoch, agent, boot)]
    return b"".join(map(text, told)), told[1], told[2]


def _last_two(b: bytes, at: int) -> bytes:
    detector, at = _cut(b, at)
    reader, at = _cut(b, at)
    if at != len(b):
        raise _UnusualError
    return text(detector.decode("ascii")) + text(reader.decode("ascii"))


def _extras(b: bytes, at: int) -> tuple[tuple[bytes, bytes, bytes, bytes], int]:
    if b[at] == 0:
        return _NO_EXTRAS, at + 1
    if b[at] != _SOME:
        raise _UnusualError
    roi, at = _maybe(b, at + 1)
    direction, at = _maybe(b, at)
    quality, frame = NULL, NULL
    if b[at] == _SOME:
        quality, at = double(_FLOAT(b, at + 1)[0]), at + _FLOAT_BYTES
    elif b[at] != 0:
        raise _UnusualError
    at += 1
    if b[at] == _SOME:
        number, at = _number(b, at + 1)
        return (roi, direction, quality, _integers[number]), at
    if b[at] != 0:
        raise _UnusualError
    return (roi, direction, quality, frame), at + 1


def _candidates(b: bytes, at: int) -> tuple[bytes, int]:
    """An Avro array of one block, as whoever writes from memory makes it."""
    count, at = _number(b, at)
    found: list[dict[str, object]] = []
    for _ in range(count):
        raw, at = _cut(b, at)
        found.append({"text": raw.decode("ascii"), "confidence": _share(b, at)})
        at += _FLOAT_BYTES
    if count < 0 or (count > 0 and b[at] != 0):
        raise _UnusualError
    return jsonb(found), at + 1 if count else at


def _box(b: bytes, at: int) -> tuple[bytes, int]:
    if b[at] == 0:
        return NULL, at + 1
    if b[at] != _SOME:
        raise _UnusualError
    x1, y1, x2, y2 = _BOX(b, at + 1)
    return four_reals((x1, y1, x2, y2)), at + 1 + _BOX_BYTES


def _seen(b: bytes, at: int) -> tuple[bytes, int]:
    if b[at] == 0:
        return NULL, at + 1
    if b[at] != _SOME:
        raise _UnusualError
    raw, at = _cut(b, at + 1)
    at_us = microseconds(raw.decode("ascii"))
    if not CALENDAR_US[0] <= at_us <= CALENDAR_US[1]:
        raise _UnusualError
    return timestamp(at_us), at


def _name(raw: bytes) -> bytes:
    if not 0 < len(raw) <= LONGEST_NAME:
        raise _UnusualError
    return _names.keep(raw, text(raw.decode("ascii")))


def _folded(raw: bytes) -> bytes:
    if not 0 < len(raw) <= LONGEST_PLATE:
        raise _UnusualError
    return _folds.keep(raw, text(fold(raw.decode("ascii"))))
