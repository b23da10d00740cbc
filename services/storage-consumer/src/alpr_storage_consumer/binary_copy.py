"""Fields of PostgreSQL's binary COPY format (its manual, "COPY", section "Binary Format"): pure.

A field is its length (int32) and its bytes as its type reads them. Made here, beside the write of the
batch before, instead of by the client while the transaction is open: the transaction then only sends bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from struct import Struct
from uuid import UUID

import orjson

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
TRUE, FALSE = b"\0\0\0\1\1", b"\0\0\0\1\0"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL counts microseconds from here."""

_LENGTH = Struct(">i").pack
_ROW_HEAD = Struct(">hi16siq").pack
_SMALL, _BIG, _DOUBLE = Struct(">ii").pack, Struct(">iq").pack, Struct(">id").pack
_FOUR_FLOATS = Struct(">iiiiii" + "if" * 4).pack
_FLOAT4 = 700  # pg_type.oid of real
_KEPT_TEXTS = 1 << 16
_UUID_BYTES, _UUID_DIGITS = 16, 32


def row_head(fields: int, key: bytes, at_us: int) -> bytes:
    """How a row of `fields` fields begins: their number, an id and a time."""
    return _ROW_HEAD(fields, 16, key, 8, at_us)


def text(value: str | None) -> bytes:
    """The field of a text or varchar."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


class Integers(dict[int | None, bytes]):
    """Small integers that come again and again, made once: `integers[value]`; it forgets when it holds too much."""

    def __init__(self) -> None:
        super().__init__({None: NULL})

    def __missing__(self, value: int | None) -> bytes:
        if len(self) > _KEPT_TEXTS:
            self.clear()
        self[value] = made = integer(value)
        return made


class Texts(dict[str | None, bytes]):
    """Texts that come again and again (cameras, sites, digests), made once: `texts[value]`.

    It forgets everything when it holds too much.
    """

    def __init__(self) -> None:
        super().__init__({None: NULL})

    def __missing__(self, value: str | None) -> bytes:
        if len(self) > _KEPT_TEXTS:
            self.clear()
        self[value] = made = text(value)
        return made


def integer(value: int | None) -> bytes:
    """The field of an integer. Raises struct.error where it does not fit."""
    return NULL if value is None else _SMALL(4, value)


def bigint(value: int) -> bytes:
    """The field of a bigint. Raises struct.error where it does not fit."""
    return _BIG(8, value)


def double(value: float | None) -> bytes:
    """The field of a double precision."""
    return NULL if value is None else _DOUBLE(8, value)


def uuid_bytes(value: str) -> bytes:
    """The 16 bytes of an id, read as `uuid.UUID` reads it. Raises ValueError."""
    digits = value.replace("-", "")
    if len(digits) == _UUID_DIGITS:
        try:
            found = bytes.fromhex(digits)
        except ValueError:
            return UUID(value).bytes
        if len(found) == _UUID_BYTES:  # else there were blanks among the digits
            return found
    return UUID(value).bytes


def uuid(value: bytes) -> bytes:
    """The field of a uuid, of its 16 bytes."""
    return b"\0\0\0\x10" + value


def microseconds(value: str) -> int:
    """An aware ISO time as microseconds since 2000. Raises ValueError where it is none, or has no offset."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without its offset")
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds  # a division of times takes longer


def timestamp(value: int) -> bytes:
    """The field of a timestamptz, of microseconds since 2000."""
    return _BIG(8, value)


def jsonb(value: object) -> bytes:
    """The field of a jsonb; NaN becomes null."""
    encoded = orjson.dumps(value)
    return _LENGTH(len(encoded) + 1) + b"\1" + encoded


def four_reals(values: tuple[float, float, float, float]) -> bytes:
    """The field of a real[] of four."""
    first, second, third, fourth = values
    return _FOUR_FLOATS(52, 1, 0, _FLOAT4, 4, 1, 4, first, 4, second, 4, third, 4, fourth)
