"""What the bench sees of a run: watches of its own on cameras and assignments, the audit log as a stream, the operator's log."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from alpr_kubernetes import Changed, Client, Kind, Listed, Object, Selection, follow, from_kubeconfig, kinds

_WRITES = (b'"verb":"patch"', b'"verb":"update"', b'"verb":"create"', b'"verb":"delete"')


@dataclass(frozen=True, slots=True)
class AuditedWrite:
    """One write that the API server has answered."""

    at: float
    what: str
    verb: str
    code: int


class Audit:
    """Writes of one user, read from the audit log as it grows; the log is large, and never read twice."""

    def __init__(self, path: Path, user: str) -> None:
        self._path = path
        self._user = f'"username":"{user}"'.encode()
        self._offset = 0
        self._rest = b""
        self.writes: list[AuditedWrite] = []

    def read(self) -> Self:
        """Take in what has come since."""
        if not self._path.exists():
            return self
        with self._path.open("rb") as log:
            log.seek(self._offset)
            while chunk := log.read(2**22):
                self._offset += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                self.writes += [_audited(line) for line in lines if self._wanted(line)]
        return self

    def _wanted(self, line: bytes) -> bool:
        return self._user in line and any(verb in line for verb in _WRITES)

    def between(self, start: float, end: float) -> Counter[str]:
        """Writes by what was written, from `start` to `end` (seconds of the clock); `camera/status` and so on."""
        return Counter(one.what for one in self.writes if start <= one.at <= end and one.code < 300)

    def refused(self, start: float, end: float) -> Counter[str]:
        """The same for those that were not taken."""
        return Counter(f"{one.what} {one.code}" for one in self.writes if start <= one.at <= end and one.code >= 300)


def _audited(line: bytes) -> AuditedWrite:
    told = json.loads(line)
    where = told.get("objectRef") or {}
    what = "/".join(part for part in (where.get("resource"), where.get("subresource")) if part)
    code = (told.get("responseStatus") or {}).get("code", 0)
    return AuditedWrite(seconds(told["stageTimestamp"]), what, told["verb"], code)


def seconds(text: str) -> float:
    """A moment of a log as seconds of the clock."""
    return datetime.fromisoformat(text).timestamp()


def logged(path: Path, event: str, after: float) -> float | None:
    """When the operator logged `event` for the first time after `after`; None where it has not."""
    with suppress(FileNotFoundError), path.open("rb") as log:
        for line in log:
            if event.encode() in line and line.startswith(b"{"):
                told = json.loads(line)
                if told.get("event") == event and (at := seconds(told["timestamp"])) >= after:
                    return at
    return None


@dataclass
class Sights:
    """Cameras and assignments as a client of their API sees them, and when it did.

    Attributes:
        assigned: (namespace, name) of the cameras whose status says Assigned, with the moment that was seen.
        streaming: the same for Streaming.
        placed: nodes of the assignments that hold cameras.
        shown: camera → (display name in an assignment, monotonic moment when it was seen).
    """

    assigned: dict[tuple[str, str], float] = field(default_factory=dict)
    streaming: dict[tuple[str, str], float] = field(default_factory=dict)
    placed: dict[str, set[str]] = field(default_factory=dict)
    placed_at: float = 0.0
    shown: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def in_assignments(self) -> int:
        return sum(len(cameras) for cameras in self.placed.values())

    def camera(self, told: Object) -> None:
        meta, status = told["metadata"], told.get("status") or {}
        key = (meta["namespace"], meta["name"])
        true = {one["type"] for one in status.get("conditions") or () if one["status"] == "True"}
        for kind, seen in (("Assigned", self.assigned), ("Streaming", self.streaming)):
            if kind in true:
                seen.setdefault(key, time.time())

    def assignment(self, told: Object) -> None:
        cameras: list[dict[str, Any]] = told["spec"].get("cameras") or []
        now, node = time.monotonic(), told["metadata"]["name"]
        names = {one["name"] for one in cameras}
        if names != self.placed.get(node):
            self.placed[node], self.placed_at = names, time.time()
        for one in cameras:
            name = (one.get("config") or {}).get("displayName", "")
            if self.shown.get(one["name"], ("", 0.0))[0] != name:
                self.shown[one["name"]] = (name, now)

    async def watch(self, kubeconfig: Path) -> None:
        """Follow both kinds until cancelled."""
        async with Client(from_kubeconfig(kubeconfig), "bench-sights", timeout_s=60) as client:
            await asyncio.gather(
                _followed(client, kinds.CAMERAS, self.camera), _followed(client, kinds.ASSIGNMENTS, self.assignment)
            )


async def _followed(client: Client, kind: Kind, take: Callable[[Object], None]) -> None:
    async for change in follow(client, Selection(kind), relist_every_s=3600):
        for told in _objects(change):
            take(told)


def _objects(change: object) -> list[Object]:
    match change:
        case Listed(items=items):
            return items
        case Changed(type=kind, object=told) if kind != "DELETED":
            return [told]
    return []


async def until(holds: Callable[[], bool], within_s: float, what: str, *, look_every_s: float = 0.1) -> None:
    """Wait for `holds` without blocking; raises TimeoutError that names `what`."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within_s:.0f} s for {what}")
        await asyncio.sleep(look_every_s)


def peak_mib(pid: int) -> float:
    """The largest resident memory that a process has had, in MiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def used_cpu_s(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Load:
    """Who uses this machine's processors, from now on."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = {**processes, "bench": os.getpid()}
        self._before = self._now()
        self._started = time.monotonic()

    def told(self) -> str:
        """Cores in use since the start, by process; `others` are not of the bench."""
        lasted_s = time.monotonic() - self._started
        used = {name: cpu_s - self._before[name] for name, cpu_s in self._now().items()}
        used["others"] = used.pop("machine") - sum(used.values())
        return ", ".join(f"{name} {cpu_s / lasted_s:.2f}" for name, cpu_s in used.items())

    def _now(self) -> dict[str, float]:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
        busy = sum(int(one) for position, one in enumerate(fields[:8]) if position not in (3, 4))  # idle, iowait
        used = {name: used_cpu_s(pid) for name, pid in self._processes.items()}
        return {**used, "machine": busy / os.sysconf("SC_CLK_TCK")}
