"""Plate events from Avro's bytes straight into a row of the binary COPY format, without values in between: pure.

Nearly every record of the event path is one of these, and to decode it into a dict and that into a row was most of the
work of storing it. What is unusual in any way (texts other than ASCII or long, anything that a model would refuse)
gives None and goes by `alpr_kafka.decoding` and `rows`, which know how to say what is wrong. A property test holds both
ways equal, byte by byte. The layout is that of `plate_event.avsc`; a change of the schema fails that test.
"""

from __future__ import annotations

from binascii import unhexlify
from struct import Struct, error
from typing import Final, Generic, TypeVar

from alpr_plates.text import fold
from alpr_storage_consumer.binary_copy import (
    FALSE,
    NULL,
    TRUE,
    Integers,
    double,
    four_reals,
    integer,
    jsonb,
    microseconds,
    row_head,
    text,
    timestamp,
)
from alpr_storage_consumer.rows import CALENDAR_US, LONGEST_NAME, LONGEST_PLATE, PLATE_COLUMNS

_FIELDS = len(PLATE_COLUMNS)
_KEPT = 1 << 16
_MORE = 0x80
"""A byte of Avro's numbers from here on says that another one follows."""
_SOME = 2
"""How Avro writes that a value of a union with null is there."""
_LARGEST_SHIFT = 63
_ODD_OR_MORE = _MORE | 1
"""What a text's first byte of length shows where it is negative or one of several bytes."""
_ID_BYTES = 16
_FLOAT, _BOX = Struct("<f").unpack_from, Struct("<4f").unpack_from
_FLOAT_BYTES, _BOX_BYTES = 4, 16
_LENGTHS: Final = tuple(n.to_bytes(4, "big") for n in range(_MORE * _MORE // 2))
_TWICE_NULL: Final = NULL + NULL
_FOLDED: Final = bytes(ord(fold(chr(n)) or "0") if n < _MORE else n for n in range(256))
_NOT_FOLDED: Final = bytes(n for n in range(_MORE) if not fold(chr(n)))
"""`fold` goes character by character, so for ASCII it is a table, and what falls away."""
_integers = Integers()
T = TypeVar("T")


Transcoded = tuple[bytes, bytes, int, int, str, str, str | None]
"""A row, then what the ledger and the calendar want to know of it: its id's 16 bytes, captured_at in microseconds since
2000, seq as it came, agent, boot, site. Bare, because a name costs each record more than a field."""


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
_ways: _Kept[bytes] = _Kept()
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
    key = unhexlify(raw.replace(b"-", b""))
    raw, at = _cut(b, at)
    at_us = microseconds(str(raw, "ascii"))
    camera, at = _cut(b, at)
    track, at = _cut(b, at)
    plate, at = _cut(b, at)
    normalized, at = _cut(b, at)
    if not (
        len(key) == _ID_BYTES
        and 0 < len(track) <= LONGEST_NAME
        and 0 < len(plate) <= LONGEST_PLATE
        and 0 < len(normalized) <= LONGEST_PLATE
        and (track + plate + normalized).isascii()
    ):
        raise _UnusualError
    folded = normalized.translate(_FOLDED, _NOT_FOLDED)
    (confidence,) = _FLOAT(b, at)
    if not 0 <= confidence <= 1:
        raise _UnusualError
    region_vehicle_and_urls, at = _texts(b, at + _FLOAT_BYTES, 8)
    latency, at = _number(b, at)
    start, at = at, _after_texts(b, at, 2)
    node = _nodes.get(b[start:at]) or _nodes.keep(b[start:at], _node(b, start))
    quality_and_frame, way, at = _extras(b, at)
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
        _LENGTHS[len(plate)], plate, _LENGTHS[len(normalized)], normalized, double(confidence),
        region_vehicle_and_urls, _integers[latency], quality_and_frame, node[0], way, _integers[revision],
        _LENGTHS[len(folded)], folded, candidates, _integers[reads], box, first_seen, last_seen, _BOOLEANS[resumed],
        source[0], b"\0\0\0\x08", seq.to_bytes(8, "big", signed=True), digests,
    ))  # fmt: skip
    return line, key, at_us, seq, source[1], source[2], node[1]


_BOOLEANS = (FALSE, TRUE)


def _cut(b: bytes, at: int) -> tuple[bytes, int]:
    """A text of less than 8,192 bytes, and where it ends; where `b` is shorter, whoever reads on finds out."""
    size = b[at]
    if size & _ODD_OR_MORE:
        size, at = _longer(b, at)
    end = at + 1 + (size >> 1)
    return b[at + 1 : end], end


def _after(b: bytes, at: int) -> int:
    """Where a text ends."""
    size = b[at]
    if size & _ODD_OR_MORE:
        size, at = _longer(b, at)
    return at + 1 + (size >> 1)


def _longer(b: bytes, at: int) -> tuple[int, int]:
    """Twice the length of a text whose length takes two bytes, and where the second one lies."""
    size, more = b[at], b[at + 1]
    if size & 1 or more & _MORE:
        raise _UnusualError
    return size & 0x7F | more << 7, at + 1


def _after_texts(b: bytes, at: int, count: int) -> int:
    """Where `count` texts that may be null end."""
    for _ in range(count):
        given, at = b[at], at + 1
        if given == _SOME:
            at = _after(b, at)
        elif given != 0:
            raise _UnusualError
    return at


def _texts(b: bytes, at: int, count: int) -> tuple[bytes, int]:
    """The fields of `count` texts that may be null, and where they end."""
    # `_cut` written out, here and in `_candidates`: a call a text would take longer than the text.
    fields: list[bytes] = []
    for _ in range(count):
        given, at = b[at], at + 1
        if given == _SOME:
            size = b[at]
            if size & _ODD_OR_MORE:
                size, at = _longer(b, at)
            size >>= 1
            start, at = at + 1, at + 1 + size
            raw = b[start:at]
            if not raw.isascii():
                raise _UnusualError
            fields += _LENGTHS[size], raw
        elif given == 0:
            fields.append(NULL)
        else:
            raise _UnusualError
    return b"".join(fields), at


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


def _node(b: bytes, at: int) -> tuple[bytes, str | None]:
    return _texts(b, at, 2)[0], None if b[at] == 0 else _cut(b, at + 1)[0].decode("ascii")


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


def _extras(b: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Quality and frame's number, region of interest and direction, and where they end."""
    if b[at] == 0:
        return _TWICE_NULL, _TWICE_NULL, at + 1
    if b[at] != _SOME:
        raise _UnusualError
    start, at = at + 1, _after_texts(b, at + 1, 2)
    way = _ways.get(b[start:at]) or _ways.keep(b[start:at], _texts(b, start, 2)[0])
    quality = NULL
    if b[at] == _SOME:
        quality, at = double(_FLOAT(b, at + 1)[0]), at + _FLOAT_BYTES
    elif b[at] != 0:
        raise _UnusualError
    at += 1
    if b[at] == _SOME:
        number, at = _number(b, at + 1)
        return quality + integer(number), way, at
    if b[at] != 0:
        raise _UnusualError
    return quality + NULL, way, at + 1


def _candidates(b: bytes, at: int) -> tuple[bytes, int]:
    """An Avro array of one block, as whoever writes from memory makes it."""
    count, at = _number(b, at)
    found: list[dict[str, object]] = []
    for _ in range(count):
        size = b[at]
        if size & _ODD_OR_MORE:
            size, at = _longer(b, at)
        start, at = at + 1, at + 1 + (size >> 1)
        (confidence,) = _FLOAT(b, at)
        if not 0 <= confidence <= 1:
            raise _UnusualError
        found.append({"text": str(b[start:at], "ascii"), "confidence": confidence})
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
