"""Wait for a condition with a deadline, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event


def until(condition: Callable[[], bool], within_s: float, what: str, every_s: float = 0.05) -> None:
    """Wait for `condition`, asked every so often; raises TimeoutError that names `what`."""
    deadline, pause = time.monotonic() + within_s, Event()
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within_s:.0f} s for {what}")
        pause.wait(every_s)
