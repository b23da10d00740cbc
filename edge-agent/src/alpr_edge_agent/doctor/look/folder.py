"""The data folder: its file system, its room, what a durable write takes; and the outbox, read only."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import statistics
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from alpr_edge_agent.doctor.facts import Folder, OutboxSeen
from alpr_edge_agent.doctor.look.system import text_of
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.outbox.migrations import STEPS

_WRITES: Final = 15
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_COUNTS: Final = "SELECT events, images, dropped FROM counts"
_OLD_COUNTS: Final = "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM images), 0"


def look_at_folder(path: Path) -> Folder:
    """The folder, or where it is not there yet the nearest one above it; a file is written there and taken away."""
    path = path.absolute()
    near = next(found for found in (path, *path.parents) if _there(found))
    usage = shutil.disk_usage(near)
    error = "" if near.is_dir() else "it is a file"
    fsync_s = None
    if not error:
        try:
            fsync_s = durable_write_s(near)
        except OSError as e:
            error = f"cannot be written ({e.strerror})"
    return Folder(path, near == path, kind_of(near), usage.free, usage.total, fsync_s, error)


def _there(path: Path) -> bool:
    with suppress(PermissionError):  # in the folder of another user
        return path.exists()
    return False


def durable_write_s(folder: Path) -> float:
    """Median seconds that 4 KiB take until they are on the disk. Raises OSError."""
    path = folder / f".alpr-doctor-{uuid4().hex}"
    took = []
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(_WRITES):
                began = time.perf_counter()
                file.write(os.urandom(4096))
                os.fsync(file.fileno())
                took.append(time.perf_counter() - began)
    finally:
        path.unlink(missing_ok=True)
    return statistics.median(took)


def kind_of(path: Path, mountinfo: str | None = None) -> str:
    """The kind of the file system that `path` lies on, or "" where /proc/self/mountinfo does not say it."""
    found, place = "", Path()
    real = path.resolve()
    for line in (mountinfo or text_of("/proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        mount = Path(_ESCAPED.sub(lambda told: chr(int(told[1], 8)), fields[4]))
        # Of two mounts on one place the later one hides the first.
        if real.is_relative_to(mount) and (not found or mount.is_relative_to(place)):
            found, place = after.split()[0], mount
    return found


def edge_folder(data: Path) -> EdgeFolder:
    """Where pipeline and agent keep their files below `data`: a node's folder itself, or `edge/` of `alpr up`."""
    return EdgeFolder(data if (data / "outbox.db").exists() else data / "edge")


def look_at_outbox(data: Path) -> OutboxSeen | None:
    """The outbox below `data`; None where there is none. It is opened for reading and changed in nothing."""
    try:
        folder = edge_folder(data)
        path = folder.outbox
        if not path.exists():
            return None
        refused = not os.access(path, os.R_OK)
    except PermissionError:  # the folder of another user, as a service's is
        path, refused = data / "outbox.db", True
    if refused:
        return OutboxSeen(path, 0, len(STEPS), 0, 0, 0, 0, 0, None, refused=True)
    damaged = tuple(sorted(found.name for found in path.parent.glob(f"{path.name}.damaged-*")))
    size = sum(found.stat().st_size for found in path.parent.glob(f"{path.name}*") if found.name not in damaged)
    spool = sum(_size(found) for found in folder.spool.rglob("*")) if folder.spool.is_dir() else 0
    try:
        version, counts, oldest_s = _read(path)
    except (sqlite3.Error, OSError) as e:
        return OutboxSeen(path, 0, len(STEPS), 0, 0, 0, size, spool, None, damaged, error=str(e))
    return OutboxSeen(path, version, len(STEPS), *counts, size, spool, oldest_s, damaged)


def _size(path: Path) -> int:
    with suppress(OSError):  # delivered in the meantime
        return path.stat().st_size if path.is_file() else 0
    return 0


def _read(path: Path) -> tuple[int, tuple[int, int, int], float | None]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        events, images, dropped = db.execute(_COUNTS if version >= 2 else _OLD_COUNTS).fetchone()
        oldest = db.execute("SELECT created_ms FROM outbox ORDER BY id LIMIT 1").fetchone()
    age_s = max(0.0, time.time() - oldest[0] / 1000) if oldest else None
    return version, (int(events), int(images), int(dropped)), age_s
