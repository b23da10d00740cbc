"""LettersError
├── Unreachable   the database or the broker does not answer → look at it, try again
├── NotFound      no such letter                             → look at `alpr dlq list --letters`
└── NotReplayable letters that cannot be replayed, and why   → the sentence says what to do
Anything else is a bug: let it end the process.
"""  # noqa: D205 - a drawing

from __future__ import annotations


class LettersError(Exception):
    """An error that the person who asked can act on; the text is one sentence with the fix."""


class Unreachable(LettersError):
    """The database or the broker does not answer."""


class NotFound(LettersError):
    """No such letter."""


class NotReplayable(LettersError):
    """A letter that cannot be sent again, and why."""
