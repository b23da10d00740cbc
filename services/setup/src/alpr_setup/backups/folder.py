"""A folder of backups: FOLDER/NAME/ each, FOLDER/objects/ with the pictures of all. What is not whole ends in .part."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alpr_setup.backups.manifest import MANIFEST, Manifest
from alpr_setup.backups.names import PART, chosen, moment_of, names_in, superseded
from alpr_setup.errors import SetupError

OBJECTS: Final = "objects"
DUMP, FACTS, SCHEMAS = "database.dump", "database.tsv", "registry.zip"
CONFIGURATION, INDEX, VALUES = "configuration.yaml", "objects.tsv", "values"
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


@contextmanager
def disk_said(folder: Path) -> Iterator[None]:
    """What the disk refuses ends as a sentence that names the folder and the reason."""
    try:
        yield
    except OSError as e:
        raise SetupError(f"{folder}: {e.strerror or type(e).__name__}") from e


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else makes or prunes backups in `folder` meanwhile; waits for whoever does."""
    with disk_said(folder), open(os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, _FILE_MODE), "rb") as lock:  # noqa: PTH123
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def backups_in(folder: Path) -> list[str]:
    """Names of the whole backups, oldest first."""
    with disk_said(folder):
        return names_in(path.name for path in folder.iterdir() if path.is_dir())


def place_of(folder: Path, wanted: str) -> Path:
    """Where the backup `wanted` ("newest" or a name) lies. Raises SetupError."""
    return folder / chosen(backups_in(folder), wanted)


def part_of(folder: Path, name: str) -> Path:
    """Where the backup `name` is being made. Raises SetupError where nobody began it."""
    part = folder / f"{name}{PART}"
    if moment_of(name) is None or not part.is_dir():
        raise SetupError(f"{part}: there is no backup that was begun; the database is dumped there first")
    return part


def write_file(path: Path, content: bytes) -> None:
    """Write `path` for its owner alone, whole or not at all, and on the disk when this returns."""
    make_folder(path.parent)
    new = path.with_name(f".{path.name}.new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE), "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Have `path`, for its owner alone."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def publish(part: Path, manifest: Manifest) -> Path:
    """Make a whole backup of `part`: everything on the disk, then the manifest, then its name. Where it lies."""
    for path in part.rglob("*"):
        path.chmod(_FOLDER_MODE if path.is_dir() else _FILE_MODE)
        _sync(path)
    write_file(part / MANIFEST, manifest.model_dump_json(indent=1).encode())
    part.chmod(_FOLDER_MODE)
    _sync(part)
    whole = part.with_name(manifest.name)
    part.rename(whole)
    _sync(whole.parent)
    return whole


def discard(part: Path) -> None:
    """Remove what became no backup."""
    shutil.rmtree(part, ignore_errors=True)


def prune(folder: Path, keep: int) -> list[str]:
    """Remove all but the newest `keep` backups; the names that went. First each loses its name: half of one is none."""
    gone = superseded(backups_in(folder), keep)
    for name in gone:
        leaving = folder / f"{name}{PART}"
        (folder / name).rename(leaving)
        shutil.rmtree(leaving)
    return gone


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
