"""Which folder a PostgreSQL cluster lies in, and which user runs it; decided once, then kept by notes.

PostgreSQL refuses to run as root. Where we are root it runs as `nobody`, who cannot pass a 0700 folder such as /root:
then the cluster lies under /var/lib/ovr-alpr. `where` in the data folder names it, `of` beside the cluster names the
data folder, so that rights may change and the folder may move without its rows seeming lost.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from alpr_standalone.errors import DatabaseFailed

SHARED = Path("/var/lib/ovr-alpr")
CLUSTER = "cluster"
WHERE = "where"
OF = "of"
_USER = "nobody"


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that the server runs as, where that is not ours."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """A folder for a cluster, and the user who runs it; None: ourselves."""

    folder: Path
    owner: Owner | None


def place_for(asked: Path) -> Place:
    """Where the cluster of the data folder `asked` lies, or shall lie. Raises DatabaseFailed with what to do."""
    if (asked / CLUSTER).exists():
        return _existing(asked)
    if (asked / WHERE).exists():
        return _existing(_noted(asked))
    owner = _nobody() if os.getuid() == 0 else None
    if owner is None or reachable(asked, owner):
        return Place(asked, owner)
    return Place(SHARED / "clusters" / f"{key_of(asked)}-{uuid4().hex[:8]}", owner)


def reachable(path: Path, owner: Owner) -> bool:
    """Whether `owner` can pass every folder above `path`; those that are missing will be made passable."""
    return all(_passable(folder, owner) for folder in path.parents if folder.exists())


def make_passable(folder: Path) -> None:
    """Make `folder`, below SHARED or SHARED itself, so that others may pass it whatever the umask is."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in (folder, *folder.parents):
        if place == SHARED.parent:
            return
        place.chmod(0o755)


def key_of(path: Path) -> str:
    """A short name that stands for `path`."""
    return hashlib.sha256(str(path).encode()).hexdigest()[:16]


def _existing(folder: Path) -> Place:
    """The cluster there is: it runs as the user that it belongs to."""
    status = (folder / CLUSTER).stat()
    if status.st_uid == os.getuid():
        return Place(folder, None)
    owner = Owner(status.st_uid, status.st_gid)
    if os.getuid() != 0:
        raise DatabaseFailed(
            f"database {folder} belongs to user {owner.uid}; run as that user, or choose another --data"
        )
    if not reachable(folder / CLUSTER, owner):
        raise DatabaseFailed(
            f"database {folder} belongs to user {owner.uid}, who cannot pass a folder above; chmod o+x it"
        )
    return Place(folder, owner)


def _noted(asked: Path) -> Path:
    """The folder that the note names. A folder that was copied is refused: two servers would share one cluster."""
    folder = Path((asked / WHERE).read_text().strip()).parent
    if not (folder / CLUSTER).exists():
        raise DatabaseFailed(f"{asked / WHERE} names {folder}, which is gone; remove the note to begin with no rows")
    back = folder / OF
    first = Path(back.read_text().strip()) if back.exists() else asked
    if first != asked and (first / WHERE).exists():
        raise DatabaseFailed(
            f"{asked} is a copy of {first}, and both name {folder}; remove {asked / WHERE} from the copy"
        )
    return folder


def _nobody() -> Owner:
    try:
        entry = pwd.getpwnam(_USER)
    except KeyError as e:
        raise DatabaseFailed(
            f"PostgreSQL does not run as root, and there is no user {_USER}; run as a plain user"
        ) from e
    return Owner(entry.pw_uid, entry.pw_gid)


def _passable(folder: Path, owner: Owner) -> bool:
    status = folder.stat()
    bit = stat.S_IXUSR if status.st_uid == owner.uid else stat.S_IXOTH
    return bool(status.st_mode & bit)
