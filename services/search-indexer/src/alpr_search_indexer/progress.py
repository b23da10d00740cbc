"""How far a rebuild is, as a generation keeps it in its own `_meta`: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from alpr_search_indexer.database import Key


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a generation is; kept in it, so that whoever comes next goes on.

    Attributes:
        began_at: ISO time.
        feed: number of the row stored last when it began.
        captured_at, event_id: the row written last; empty before the first.
        rows: written so far.
        replaces: the index that is swapped out; set just before the swap.
        floors: of every index of the month at the start, the number of its last write.
    """

    began_at: str
    feed: int
    floors: dict[str, int]
    captured_at: str = ""
    event_id: str = ""
    rows: int = 0
    replaces: str = ""

    @property
    def key(self) -> Key | None:
        """Where pages go on."""
        return Key(datetime.fromisoformat(self.captured_at), UUID(self.event_id)) if self.event_id else None
