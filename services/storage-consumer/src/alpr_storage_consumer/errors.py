"""StorageError
└── Unavailable   the database is down → commit nothing, back off, try again
A record that can never succeed is no error: it goes to the dead letters.
Anything else is a bug: let it end the process.
"""  # noqa: D205 - a drawing

from __future__ import annotations


class StorageError(Exception):
    """An error of the store that somebody can act on."""


class Unavailable(StorageError):
    """The database is down, or asks to come again."""
