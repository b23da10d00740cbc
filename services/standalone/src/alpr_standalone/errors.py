"""StandaloneError
├── Unusable         what a person gave cannot be used → said in one sentence, nothing is started
└── DatabaseFailed   PostgreSQL does not start → its log says why
Anything else is a bug: let it end the process.
"""  # noqa: D205 - a drawing

from __future__ import annotations


class StandaloneError(Exception):
    """An error that somebody can act on; its text says what to do."""


class Unusable(StandaloneError):
    """What a person gave cannot be used."""


class DatabaseFailed(StandaloneError):
    """PostgreSQL does not start."""
