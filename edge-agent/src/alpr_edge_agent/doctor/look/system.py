"""Small looks that every subject needs: a file of the kernel, a command of the system."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 8.0
_ADMIN = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


def text_of(path: str | Path) -> str | None:
    """What the file says, without NULs and blanks around; None where it cannot be read."""
    try:
        return Path(path).read_text(errors="replace").strip("\0\n\t ")
    except OSError:
        return None


def number_of(path: str | Path) -> int | None:
    """The number in a file of the kernel, or None."""
    told = text_of(path)
    return int(told) if told and told.lstrip("-").isdigit() else None


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said; `code` is None where it could not be run or took too long."""

    code: int | None
    out: str = ""
    error: str = ""


def program(name: str) -> str | None:
    """Where the program lies, also in folders of administrators."""
    return shutil.which(name) or shutil.which(name, path=_ADMIN)


def said(command: Sequence[str], within_s: float = PATIENCE_S) -> Said:
    """Run a command that only tells."""
    path = program(command[0])
    if path is None:
        return Said(None, error=f"{command[0]} is not installed")
    try:
        done = subprocess.run(
            [path, *command[1:]], capture_output=True, text=True, check=False, timeout=within_s,
            stdin=subprocess.DEVNULL, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Said(None, error=f"{command[0]} gave no answer within {within_s:g} s")
    except OSError as e:
        return Said(None, error=f"{command[0]}: {e.strerror}")
    return Said(done.returncode, done.stdout.strip(), done.stderr.strip())
