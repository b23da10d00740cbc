"""SetupError: something is not as it must be; the text says what to do."""

from __future__ import annotations


class SetupError(Exception):
    """An error that a person can act on."""
