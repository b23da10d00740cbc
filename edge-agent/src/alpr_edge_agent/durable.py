"""Files that are either the old or the new one after a crash, never half of one."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from uuid import uuid4

_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{32}")


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `data`: written, fsynced, renamed, folder fsynced. Raises OSError; the old file stays."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and deletions in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_leftovers(folder: Path, older_than_s: float = 60.0) -> int:
    """Delete what a loss of power left of `write_durably` in `folder`; how many files that were."""
    swept = 0
    for path in folder.iterdir():
        if _LEFTOVER.fullmatch(path.name) and time.time() - path.stat().st_mtime > older_than_s:
            path.unlink(missing_ok=True)
            swept += 1
    return swept
