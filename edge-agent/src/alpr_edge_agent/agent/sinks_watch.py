"""Ends the agent when what it is told of its sinks changes: kubelet starts it again, with what is new.

Variables of a container are read once, at its start. Kubernetes mounts the same ConfigMap and the Secret beside it as a
folder, which it swaps by one link (`..data`) within a minute of a change; that is what is looked at.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)
LOOK_EVERY_S: Final = 5.0
_LINK: Final = "..data"


class SinksWatch:
    """Looks at the mounted `folder`; one that is not mounted never changes."""

    def __init__(self, folder: Path, every_s: float = LOOK_EVERY_S) -> None:
        self._folder = folder
        self._every_s = every_s
        self._first = self._seen()

    def run(self, stop: threading.Event) -> None:
        """Block until `stop`; sets it itself on a change."""
        while not stop.wait(self._every_s):
            if self._seen() != self._first:
                log.info("sinks_changed", folder=str(self._folder))
                stop.set()

    def _seen(self) -> Path | None:
        try:
            return (self._folder / _LINK).readlink()
        except OSError:
            return None
