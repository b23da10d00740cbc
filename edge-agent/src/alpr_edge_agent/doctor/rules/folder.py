"""The data folder and the outbox in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alpr_edge_agent.agent.disk import FINE_SHARE, LOW_BYTES, LOW_SHARE
from alpr_edge_agent.doctor.facts import Folder, OutboxSeen
from alpr_edge_agent.doctor.findings import Finding, Group

DATA: Final = Group("data folder")
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
BY_NETWORK: Final = ("nfs", "cifs", "smb", "9p", "ceph", "gluster", "lustre", "fuse.sshfs", "fuse.glusterfs", "afs")
WITHOUT_MODES: Final = frozenset({"vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk"})
SLOW_S: Final = (0.03, 0.3)  # an event waits for two; the second is longer than a vehicle
TOO_FAST_S: Final = 5e-6
OLD_S: Final = 3600.0
FINE_BYTES: Final = 5_000_000_000
_ELSEWHERE: Final = "choose a folder on a disk of this machine (--data /var/lib/ovr-alpr), or mount a disk there"


def folder(seen: Folder, group: Group = DATA) -> Iterator[Finding]:
    """Whether events that lie there stay."""
    yield _place(seen, group)
    yield _kind(seen, group)
    yield _room(seen, group)
    yield _fsync(seen, group)


def _place(seen: Folder, group: Group) -> Finding:
    if seen.error:
        advice = "choose another with --data"
        if seen.error.startswith("cannot"):
            make = f"make it for this user: sudo install -d -o $(id -u) {seen.path}"
            advice += f", or {_as_owner(seen.path) if seen.exists else make}"
        return group.problem("folder", f"{seen.path}: {seen.error}", advice)
    return group.ok("folder", str(seen.path) if seen.exists else f"{seen.path}, made at the first start")


def _as_owner(path: Path) -> str:
    return f"run it as the folder's owner: sudo -u $(stat -c %U {path}) .venv/bin/alpr doctor"


def _kind(seen: Folder, group: Group) -> Finding:
    if seen.kind in IN_MEMORY:
        told = f"{seen.kind}: it is memory, a restart of the machine loses all events"
        return group.problem("file system", told, _ELSEWHERE)
    if seen.kind.startswith(BY_NETWORK):
        told = f"{seen.kind}: a network's; the outbox needs locks and shared memory of one machine"
        return group.problem("file system", told, _ELSEWHERE)
    if seen.kind in WITHOUT_MODES:
        told = f"{seen.kind}: it keeps no modes, so anybody here could read the cameras' passwords"
        return group.problem("file system", told, _ELSEWHERE)
    if seen.kind in {"overlay", "aufs", "squashfs"}:
        return group.warning("file system", f"{seen.kind}: in a container it goes with the container", "mount a volume")
    if not seen.kind:
        return group.not_checked("file system", "/proc/self/mountinfo does not name it")
    return group.ok("file system", seen.kind)


def _room(seen: Folder, group: Group) -> Finding:
    share = seen.free_bytes / seen.total_bytes if seen.total_bytes else 0.0
    told = f"{seen.free_bytes / 1e9:.1f} GB free, {share:.0%}"
    if seen.free_bytes < LOW_BYTES or share < LOW_SHARE:
        return group.problem("free space", told, "free some: pictures are being dropped now, then the oldest events")
    if share < FINE_SHARE or seen.free_bytes < FINE_BYTES:
        return group.warning("free space", told, "free some: below 5 % or 200 MB pictures are dropped, then events")
    return group.ok("free space", told)


def _fsync(seen: Folder, group: Group) -> Finding:
    if seen.fsync_s is None:
        return group.not_checked("fsync", "the folder cannot be written")
    told = f"{seen.fsync_s * 1000:.2f} ms a durable write"
    if seen.kind in IN_MEMORY:
        return group.not_checked("fsync", "memory has nothing to write to")
    slow, unusable = SLOW_S
    if seen.fsync_s > unusable:
        return group.problem("fsync", told, "use another disk: events come faster than this one keeps them")
    if seen.fsync_s > slow:
        return group.warning("fsync", told, "an SD card or a worn disk? An SSD takes below 5 ms")
    if seen.fsync_s < TOO_FAST_S:
        return group.warning(
            "fsync", f"{told}: no disk is so quick", "switch off what skips fsync (eatmydata, volatile)"
        )
    return group.ok("fsync", told)


def outbox(seen: OutboxSeen | None) -> Iterator[Finding]:
    """What waits for delivery."""
    if seen is None:
        yield DATA.ok("outbox", "none yet; made at the first start")
        return
    if seen.refused:
        yield DATA.not_checked("outbox", f"this user may not look into {seen.path.parent}", _as_owner(seen.path.parent))
        return
    if seen.error:
        advice = "stop alpr, move the file aside, start again; a damaged one is moved aside for salvage by itself"
        yield DATA.problem("outbox", f"{seen.path}: {seen.error}", advice)
        return
    yield _version(seen)
    yield _waiting(seen)
    if seen.dropped:
        advice = "find out why delivery was behind, then give the disk more room; `alpr ledger` names what is missing"
        yield DATA.warning("dropped events", f"{seen.dropped}, because the outbox was full", advice)
    if seen.damaged:
        advice = "read them with sqlite3 (.recover), then delete them; look at the disk: dmesg, smartctl"
        yield DATA.warning("damaged files", ", ".join(seen.damaged), advice)


def _version(seen: OutboxSeen) -> Finding:
    told = f"version {seen.version}"
    if seen.version > seen.known_version:
        advice = "update this alpr: it can use the file, but a newer one wrote it"
        return DATA.warning("outbox", f"{told}, this program knows {seen.known_version}", advice)
    behind = "" if seen.version == seen.known_version else f", brought to {seen.known_version} at the next start"
    return DATA.ok("outbox", told + behind)


def _waiting(seen: OutboxSeen) -> Finding:
    size = (seen.size_bytes + seen.spool_bytes) / 1e6
    told = f"{seen.events} events, {seen.images} pictures, {size:.1f} MB"
    if seen.oldest_s is not None and seen.oldest_s > OLD_S:
        told += f"; the oldest is {seen.oldest_s / 3600:.1f} h old"
        return DATA.warning("waiting", told, "does the agent run, and where does it send to? alpr doctor --sinks")
    return DATA.ok("waiting", told)
