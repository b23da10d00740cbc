"""The identity of dead letters: which are alike, and how often one came."""

from __future__ import annotations

import hashlib
import re
from typing import Final

ORIGINAL_TOPIC: Final = "alpr.original.topic"
RETRIED: Final = "alpr.retried"
_DIGITS = re.compile(r"\d+")


def fingerprint(consumer: str, kind: str, reason: str) -> str:
    """16 hex digits that are equal for letters of one cause: numbers in the reason do not count."""
    alike = "\0".join((consumer, kind, _DIGITS.sub("#", reason)))
    return hashlib.sha256(alike.encode()).hexdigest()[:16]


def retry_topic(consumer: str) -> str:
    """Where records of `consumer` (storage, indexer, metrics) come to be tried again."""
    return f"alpr.retry.{consumer}"
