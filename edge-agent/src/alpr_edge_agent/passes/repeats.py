"""Texts that were in view a moment ago: a vehicle lost from sight and found again is not published twice."""

from __future__ import annotations

from datetime import datetime, timedelta

WITHIN = timedelta(seconds=2)
"""A text that was in view so lately is on the same vehicle."""


class Repeats:
    """The published texts of one camera, and when each was last in view.

    Exactly the same text counts; texts that are only near belong to different vehicles. Driven by frame times.
    """

    def __init__(self) -> None:
        self._seen_at: dict[str, datetime] = {}

    def note(self, text: str, at: datetime) -> None:
        """The vehicle with the published `text` is in view."""
        self._seen_at[text] = at

    def holds(self, text: str, first_seen_at: datetime) -> bool:
        """Whether a vehicle with `text` that came into view then is one that was published already."""
        seen_at = self._seen_at.get(text)
        return seen_at is not None and first_seen_at - seen_at <= WITHIN

    def forget(self, now: datetime) -> None:
        """Let go of what is too long ago to matter."""
        self._seen_at = {text: at for text, at in self._seen_at.items() if at >= now - WITHIN}
