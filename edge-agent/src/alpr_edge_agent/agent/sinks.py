"""Where the agent sends, as a ConfigMap and the Secret beside it say, mounted as one folder.

Keys of the ConfigMap are the agent's own variables. They are taken from the folder at the start: those that a container
gets from a ConfigMap may be older than the folder, or missing where it came a moment later. Kubernetes swaps the folder
by one link (`..data`) within a minute of a change; then the agent ends, and is started again with what is new.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)
LOOK_EVERY_S: Final = 5.0
_LINK: Final = "..data"
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")


def take_variables(folder: Path) -> list[str]:
    """Make the variables in the mounted `folder` this process's own; their names. Nothing where it is not mounted."""
    taken = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _VARIABLE.fullmatch(path.name) and path.is_file():
            os.environ[path.name] = path.read_text(encoding="utf-8").strip()
            taken.append(path.name)
    return taken


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
