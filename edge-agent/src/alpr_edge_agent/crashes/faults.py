"""Native crashes: told from kills by the trace that the interpreter leaves when a signal of the fault kind ends it."""

from __future__ import annotations

import faulthandler
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_CURRENT = re.compile(r"Current thread 0x([0-9a-f]+)")
_FATAL = re.compile(r"Fatal Python error: (.+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """A crash; `thread` is the crashed thread's id where the interpreter knew it."""

    what: str
    thread: int | None


def last_fault(path: Path) -> Fault | None:
    """The native crash that ended the process before; None where it ended otherwise: by itself, or by SIGKILL."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return None
    fatal = _FATAL.search(text)
    if fatal is None:
        return None
    current = _CURRENT.search(text)
    return Fault(fatal[1].strip(), int(current[1], 16) if current else None)


def record_faults(path: Path) -> IO[str]:
    """From now on a native crash leaves its trace in `path`; keep the returned file open while the process runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    faulthandler.enable(file)
    return file
