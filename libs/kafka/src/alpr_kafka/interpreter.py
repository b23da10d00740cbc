"""How a consumer's process runs: turns of threads, collections, and memory that is given back."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable
from typing import Final

_TRIM_EVERY_S: Final = 60.0


def tune_interpreter(turn_s: float) -> None:
    """Once, after everything is opened: shorter turns of threads, and fewer collections (batches make no cycles).

    One thread decodes the next batch while others wait for answers; at the usual 5 ms a turn, each answer would wait as
    long before anybody takes it up.
    """
    sys.setswitchinterval(turn_s)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


class HeapTrimmer:
    """Gives what the C heap no longer uses back to the system, once a minute.

    The C library keeps the pages of the largest batch that ever came, for each thread's part of the heap; a process
    that runs for months would show the sum of its worst moments.
    """

    def __init__(self, every_s: float = _TRIM_EVERY_S, trim: Callable[[], None] | None = None) -> None:
        self._every_s = every_s
        self._trim = trim or _trim_of_the_c_library()
        self._due = time.monotonic() + every_s

    def look(self) -> None:
        """Trim where it is time. Takes milliseconds then, and nothing otherwise."""
        if time.monotonic() >= self._due:
            self._trim()
            self._due = time.monotonic() + self._every_s


def _trim_of_the_c_library() -> Callable[[], None]:
    """Glibc's `malloc_trim`; other C libraries have none, and get nothing to do."""
    try:
        found = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return lambda: None
    found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_int
    return lambda: found(0) and None
