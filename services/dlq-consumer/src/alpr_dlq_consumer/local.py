"""The letters of one machine without Kafka: whoever composes such a machine brings it by an entry point."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from alpr_dlq_consumer.replay import Sender

GROUP = "alpr.dlq.local"


class LocalMachine(Protocol):
    """A machine whose delivery stores events by itself."""

    @property
    def dsn(self) -> str:
        """Where its letters lie."""

    def sender(self) -> Sender:
        """Hands letters to the machine's own handler."""


class OpenLocal(Protocol):
    """What the entry point names."""

    def __call__(self, data: Path) -> AbstractContextManager[LocalMachine]:
        """The machine whose folder is `data`. Raises LettersError where it cannot be opened."""


def open_local() -> OpenLocal | None:
    """The installed one, or None."""
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if not found:
        return None
    loaded: OpenLocal = found[0].load()
    return loaded
