"""Event ids: a UUIDv7 that the same observation always gets again.

The layout is RFC 9562 §5.7 (48 bits of Unix milliseconds, version, 74 free bits); the free bits come from SHA-256
instead of a random source, so that reading a file again or sending after a crash gives the same id.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def event_id(captured_at: datetime, site: str, camera: str, epoch: str, track: str) -> UUID:
    """The id of the event that `track` of `camera` brought forth; `captured_at` must be aware."""
    millis = (captured_at - _EPOCH) // _MS
    if not 0 <= millis < 1 << 48:
        raise ValueError(f"captured_at: {captured_at} is outside the years that an event id can hold")
    digest = hashlib.sha256(f"{site}\0{camera}\0{epoch}\0{track}".encode()).digest()
    value = int.from_bytes(digest[:16], "big")
    value = (value & ~(((1 << 48) - 1) << 80)) | (millis << 80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0b11 << 62)) | (0b10 << 62)
    return UUID(int=value)


def millis_of(identifier: UUID) -> int:
    """The Unix milliseconds that an event id carries."""
    return identifier.int >> 80


def iso(moment: datetime) -> str:
    """Aware `moment` as the contract writes times: UTC, microseconds, `+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
