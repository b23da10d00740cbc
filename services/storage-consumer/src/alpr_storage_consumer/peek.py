"""An event's key without decoding it: its id and its time stand first in every schema of the contract. Pure.

Used while a topic is read again: what lies in the database already needs no more than this. A wrong guess does no harm,
because only a key that the database holds ends a record's way here.
"""

from __future__ import annotations

from alpr_storage_consumer.binary_copy import microseconds, timestamp, uuid, uuid_bytes

_FRAME_BYTES = 5  # magic 0 and the schema's id; without a frame the first byte is the length of the id, never 0
_LONGEST = 0x80  # lengths below fit into one byte of Avro's zigzag


def key_fields(value: bytes) -> bytes | None:
    """The fields of id and time in the binary COPY format, where `value` begins with them; None where it does not."""
    try:
        start = _FRAME_BYTES if value[0] == 0 else 0
        length = value[start]
        after = start + 1 + (length >> 1)
        size = value[after]
        if length >= _LONGEST or size >= _LONGEST:
            return None
        key = uuid_bytes(value[start + 1 : after].decode("ascii"))
        at_us = microseconds(value[after + 1 : after + 1 + (size >> 1)].decode("ascii"))
    except (IndexError, ValueError):
        return None
    return uuid(key) + timestamp(at_us)
