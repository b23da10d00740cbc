"""The operator on a real control plane, at 1,000, 5,000 and 10,000 cameras; and kopf's idiom beside it at 1,000.

    make bench-operator                                 about 15 minutes
    python tests/bench/operator_ladder.py --rung 1000   one rung alone

Each rung has a control plane of its own (etcd, API server, controllers, scheduler, KWOK's nodes) and the agents of all
its nodes in one process; all of it on this machine. The operator works by its own ServiceAccount with the rights of its
chart, with its settings as they are shipped. Exits 0 when the last rung keeps every limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from operator_population import FLEET, IDIOM, OPERATOR, SYSTEM, Rung, camera_bytes, install, populate
from operator_sights import Audit, Load, Sights, logged, peak_mib, until, used_cpu_s

from alpr_kubernetes import Client, from_kubeconfig, kinds
from alpr_operator.settings import LeaseSettings, Settings
from alpr_testing.control_plane import ControlPlane, running_control_plane
from alpr_testing.operated import Operated

HERE = Path(__file__).parent
LADDER = (1_000, 5_000, 10_000)
IDIOM_CAMERAS = 1_000
STEADY_S = float(os.environ.get("BENCH_STEADY_S", "120"))
EDITS, EDITS_A_SECOND = 240, 6.0
_QUIET_S = 10.0
_API_FLAGS = ("--audit-log-maxsize=8000",)
_COUNTED = ("cameras/status", "edgeassignments")
_SHIPPED = {
    "debounce_s": Settings.model_fields["debounce_s"].default,
    "secret_poll_s": Settings.model_fields["secret_poll_s"].default,
    "report_stale_s": Settings.model_fields["report_stale_s"].default,
    "lease": LeaseSettings().model_dump(),
}


@dataclass
class Figures:
    """What one rung gave; times in seconds, memory in MiB."""

    rung: Rung
    listed_s: float = 0.0
    written_s: float = 0.0
    assigned_s: float = 0.0
    streaming_s: float = 0.0
    until_assigned: Counter[str] = field(default_factory=Counter)
    until_streaming: Counter[str] = field(default_factory=Counter)
    edits_s: list[float] = field(default_factory=list)
    steady_operator: Counter[str] = field(default_factory=Counter)
    steady_agents: Counter[str] = field(default_factory=Counter)
    warm_s: float = 0.0
    warm_writes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    peak_mib: float = 0.0
    cpu_s: float = 0.0
    steady_cpu: float = 0.0
    cores: str = ""
    passes: float = 0.0

    def a_camera(self, writes: Counter[str]) -> float:
        """Camera statuses and EdgeAssignments written, a camera."""
        return sum(writes[what] for what in _COUNTED) / self.rung.cameras

    @property
    def steady_per_s(self) -> float:
        return (self.steady_operator.total() + self.steady_agents.total()) / STEADY_S

    def edit_s(self, share: float) -> float:
        return sorted(self.edits_s)[min(len(self.edits_s) - 1, int(share * len(self.edits_s)))]


@dataclass(frozen=True)
class IdiomFigures:
    """What kopf's idiom gave at its rung."""

    took_s: float
    writes: Counter[str]
    peak_mib: float
    cpu_s: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rung", type=int, action="append", help="cameras; may be given more than once")
    parser.add_argument("--no-idiom", action="store_true", help="leave kopf's idiom out")
    parser.add_argument("--folder", type=Path, help="keep everything in there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alpr-bench-") as temporary:
        return asyncio.run(ladder(given.folder or Path(temporary), given.rung or LADDER, idiom=not given.no_idiom))


async def ladder(folder: Path, rungs: list[int] | tuple[int, ...], *, idiom: bool) -> int:
    figures = [await climbed(folder / str(cameras), Rung(cameras)) for cameras in rungs]
    beside = await idiom_beside(folder / "idiom", Rung(IDIOM_CAMERAS)) if idiom else None
    print_table(figures)
    print_others(figures)
    if beside is not None:
        print_idiom(beside, figures)
    return verdicts(figures[-1])


def say(rung: Rung, text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {rung.cameras:>6} cameras: {text}", flush=True)


@contextmanager
def populated(folder: Path, rung: Rung) -> Iterator[ControlPlane]:
    """A control plane of its own with everything of `rung` on it."""
    with running_control_plane(folder, nodes=True, api_flags=_API_FLAGS) as plane:
        install(plane)
        say(rung, f"creating {len(rung.sites)} sites, {len(rung.nodes)} nodes, cameras of {camera_bytes()} B …")
        yield plane


async def climbed(folder: Path, rung: Rung) -> Figures:
    figures = Figures(rung)
    with populated(folder, rung) as plane:
        started = time.monotonic()
        await populate(plane.kubeconfig, rung)
        say(rung, f"created in {time.monotonic() - started:.0f} s")
        async with watched(plane) as sights:
            with (
                fleet(plane, rung) as agents,
                Operated(plane.kubeconfig_for(OPERATOR, SYSTEM), folder, SYSTEM, config=_SHIPPED) as operator,
            ):
                processes = {name: process.pid for name, process in plane.processes.items()}
                load = Load({**processes, "agents": agents.pid, "operator": operator.pid})
                bench = Bench(plane, operator, sights, figures)
                await bench.cold_start()
                figures.cores = load.told()
                say(rung, f"cores in use during the start: {figures.cores}")
                await bench.steady_state()
                await bench.edits()
                await bench.warm_restart()
    return figures


@asynccontextmanager
async def watched(plane: ControlPlane) -> AsyncIterator[Sights]:
    sights = Sights()
    watching = asyncio.create_task(sights.watch(plane.kubeconfig))
    try:
        yield sights
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@contextmanager
def fleet(plane: ControlPlane, rung: Rung) -> Iterator[subprocess.Popen[bytes]]:
    """The agents of all nodes, as one process."""
    nodes = plane.folder / "nodes.json"
    nodes.write_text(json.dumps(rung.nodes))
    command = [sys.executable, "-m", "alpr_testing.fleet", str(plane.kubeconfig_for(FLEET, SYSTEM)), str(nodes)]
    with started(command, plane.folder / "fleet.log") as agents:
        yield agents


@contextmanager
def started(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block lasts."""
    with log.open("wb") as told, subprocess.Popen(command, env=environment, stdout=told, stderr=told) as process:
        try:
            yield process
        finally:
            process.kill()


class Bench:
    """The measurements of one rung, in their order."""

    def __init__(self, plane: ControlPlane, operator: Operated, sights: Sights, figures: Figures) -> None:
        self._plane = plane
        self._operator = operator
        self._sights = sights
        self._figures = figures
        self._rung = figures.rung
        log = plane.folder / "audit.log"
        self._written = Audit(log, f"system:serviceaccount:{SYSTEM}:{OPERATOR}")
        self._reported = Audit(log, f"system:serviceaccount:{SYSTEM}:{FLEET}")
        self._started = time.time()

    async def cold_start(self) -> None:
        figures, count, sights = self._figures, self._rung.cameras, self._sights
        listed = await self._logged("listed", self._started)
        figures.listed_s = listed - self._started
        say(self._rung, f"listed {figures.listed_s:.1f} s after the start")
        await until(lambda: sights.in_assignments == count, 300, "all cameras are in assignments")
        figures.written_s = sights.placed_at - listed
        say(self._rung, f"all assignments {figures.written_s:.1f} s after the list")
        await until(lambda: len(sights.assigned) == count, 600, "all cameras are Assigned")
        assigned = max(sights.assigned.values())
        figures.assigned_s = assigned - self._started
        say(self._rung, f"all Assigned {figures.assigned_s:.1f} s after the start")
        await until(lambda: len(sights.streaming) == count, 600, "all cameras are Streaming")
        streaming = max(sights.streaming.values())
        figures.streaming_s = streaming - self._started
        say(self._rung, f"all Streaming {figures.streaming_s:.1f} s after the start")
        await self._logged("steady", self._started)
        await self._idle()
        writes = self._written.read()
        figures.until_assigned = writes.between(self._started, assigned)
        figures.until_streaming = writes.between(self._started, streaming)
        figures.refused = writes.refused(self._started, time.time())
        told = " and ".join(f"{figures.a_camera(w):.2f}" for w in (figures.until_assigned, figures.until_streaming))
        say(self._rung, f"statuses and assignments a camera: {told} until all are Assigned, Streaming")
        figures.cpu_s = self._operator.cpu_s()
        figures.passes = self._operator.metric("controller_runtime_reconcile_total")
        self._weigh()

    async def steady_state(self) -> None:
        """Nothing is edited: what is written all the same."""
        await asyncio.sleep(_QUIET_S)
        say(self._rung, f"steady for {STEADY_S:.0f} s …")
        start, cpu_s = time.time(), self._operator.cpu_s()
        await asyncio.sleep(STEADY_S)
        end = time.time()
        self._figures.steady_operator = self._written.read().between(start, end)
        self._figures.steady_agents = self._reported.read().between(start, end)
        self._figures.steady_cpu = (self._operator.cpu_s() - cpu_s) / STEADY_S
        say(self._rung, f"{self._figures.steady_per_s:.2f} writes/s by operator and agents")

    async def edits(self) -> None:
        """Change display names at a steady pace and see each in its EdgeAssignment."""
        chosen = random.Random(4).sample(self._rung.camera_names, min(EDITS, self._rung.cameras))
        say(self._rung, f"{len(chosen)} edits, {EDITS_A_SECOND:g} a second …")
        async with (
            Client(from_kubeconfig(self._plane.kubeconfig), "bench", timeout_s=60) as client,
            asyncio.TaskGroup() as group,
        ):
            start = time.monotonic()
            for number, (namespace, name) in enumerate(chosen):
                await asyncio.sleep(max(0.0, start + number / EDITS_A_SECOND - time.monotonic()))
                group.create_task(self._edited(client, namespace, name))
        p50, p99 = self._figures.edit_s(0.5), self._figures.edit_s(0.99)
        say(self._rung, f"edit to assignment: p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms")
        await self._idle()

    async def _edited(self, client: Client, namespace: str, name: str) -> None:
        title, started = f"edited {name}", time.monotonic()
        await client.merge(kinds.CAMERAS, namespace, name, {"spec": {"displayName": title}})
        await until(lambda: self._sights.shown[name][0] == title, 60, f"{name} edited", look_every_s=0.02)
        self._figures.edits_s.append(self._sights.shown[name][1] - started)

    async def warm_restart(self) -> None:
        await asyncio.sleep(_QUIET_S)  # the last edits' reports and statuses
        await self._idle()
        self._weigh()
        await asyncio.to_thread(self._operator.stop)
        started = time.time()
        self._operator.start()
        steady = await self._logged("steady", started)
        self._figures.warm_s = steady - started
        await asyncio.sleep(_QUIET_S)
        self._figures.warm_writes = self._written.read().between(started, time.time())
        self._weigh()
        told = _told(self._figures.warm_writes)
        say(self._rung, f"warm restart: steady after {self._figures.warm_s:.1f} s, wrote {told}")

    async def _logged(self, event: str, after: float) -> float:
        found: list[float] = []

        def seen() -> bool:
            if self._operator.process is None or self._operator.process.poll() is not None:
                raise RuntimeError(f"the operator has ended; see {self._operator.log}")
            found.extend(filter(None, [logged(self._operator.log, event, after)]))
            return bool(found)

        await until(seen, 600, f"the operator logs {event}; see {self._operator.log}", look_every_s=0.25)
        return found[0]

    async def _idle(self) -> None:
        await asyncio.to_thread(self._operator.idle, 300)

    def _weigh(self) -> None:
        self._figures.peak_mib = max(self._figures.peak_mib, peak_mib(self._operator.pid))


async def idiom_beside(folder: Path, rung: Rung) -> IdiomFigures:
    """kopf's idiom on a control plane of its own with the same objects; without agents, which it would not heed."""
    with populated(folder, rung) as plane:
        await populate(plane.kubeconfig, rung)
        nodes = folder / "nodes.json"
        nodes.write_text(json.dumps({site: [n for n, at in rung.nodes.items() if at == site] for site in rung.sites}))
        environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig_for(IDIOM, SYSTEM))}
        command = [sys.executable, str(HERE / "kopf_idiom.py"), str(nodes)]
        async with watched(plane) as sights:
            with started(command, folder / "idiom.log", environment) as process:
                return await _idiom_figures(plane, rung, sights, process)


async def _idiom_figures(
    plane: ControlPlane, rung: Rung, sights: Sights, process: subprocess.Popen[bytes]
) -> IdiomFigures:
    started, user = time.time(), f"system:serviceaccount:{SYSTEM}:{IDIOM}"
    say(rung, "kopf's idiom …")
    await until(lambda: len(sights.assigned) == rung.cameras, 600, f"kopf's idiom; see {plane.folder}/idiom.log")
    took_s = max(sights.assigned.values()) - started
    await asyncio.sleep(_QUIET_S)
    writes = Audit(plane.folder / "audit.log", user).read().between(started, time.time())
    say(rung, f"kopf's idiom: all Assigned {took_s:.1f} s after the start")
    return IdiomFigures(took_s, writes, peak_mib(process.pid), used_cpu_s(process.pid))


def _told(writes: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in writes.most_common()) or "nothing"


def print_table(figures: list[Figures]) -> None:
    rows: list[tuple[str, list[str]]] = [
        ("cameras", [f"{one.rung.cameras:,}" for one in figures]),
        ("sites", [f"{len(one.rung.sites)}" for one in figures]),
        ("nodes", [f"{len(one.rung.nodes)}" for one in figures]),
        ("start to list barrier, s", [f"{one.listed_s:.1f}" for one in figures]),
        ("list barrier to all assignments written, s", [f"{one.written_s:.1f}" for one in figures]),
        ("start to all Assigned, s", [f"{one.assigned_s:.1f}" for one in figures]),
        ("start to all Streaming, s", [f"{one.streaming_s:.1f}" for one in figures]),
        (
            "statuses and assignments a camera, until Assigned",
            [f"{one.a_camera(one.until_assigned):.3f}" for one in figures],
        ),
        ("the same until Streaming", [f"{one.a_camera(one.until_streaming):.3f}" for one in figures]),
        ("edit to assignment p50, ms", [f"{1000 * one.edit_s(0.5):.0f}" for one in figures]),
        ("edit to assignment p99, ms", [f"{1000 * one.edit_s(0.99):.0f}" for one in figures]),
        ("steady state, writes/s", [f"{one.steady_per_s:.2f}" for one in figures]),
        ("steady state, share of a core", [f"{one.steady_cpu:.1%}" for one in figures]),
        ("warm restart to steady, s", [f"{one.warm_s:.1f}" for one in figures]),
        ("peak resident memory, MiB", [f"{one.peak_mib:.0f}" for one in figures]),
        ("CPU until all was still, s", [f"{one.cpu_s:.1f}" for one in figures]),
    ]
    print()
    for name, cells in rows:
        print(f"{name:<52}" + "".join(f"{cell:>10}" for cell in cells))


def print_others(figures: list[Figures]) -> None:
    """What is not counted a camera, apart."""
    print()
    for one in figures:
        head = f"{one.rung.cameras:,} cameras"
        print(f"{head}: written until all Streaming: {_told(one.until_streaming)}")
        print(f"{head}: {one.passes:.0f} passes; cores in use during the start: {one.cores}")
        print(f"{head}: not taken: {_told(one.refused)}")
        print(
            f"{head}: steady, {STEADY_S:.0f} s: operator {_told(one.steady_operator)}; agents {_told(one.steady_agents)}"
        )
        print(f"{head}: warm restart wrote {_told(one.warm_writes)}")


def print_idiom(idiom: IdiomFigures, figures: list[Figures]) -> None:
    cameras = IDIOM_CAMERAS
    print(
        f"\nkopf's idiom, {cameras:,} cameras: {idiom.took_s:.1f} s = {cameras / idiom.took_s:.0f} cameras/s, "
        f"{idiom.writes.total() / cameras:.2f} writes a camera ({_told(idiom.writes)}), "
        f"{idiom.peak_mib:.0f} MiB, {idiom.cpu_s:.1f} CPU s"
    )
    ours = next((one for one in figures if one.rung.cameras == cameras), None)
    if ours is None:
        return
    writes = ours.a_camera(ours.until_assigned)
    print(
        f"ours, {cameras:,} cameras: {ours.assigned_s:.1f} s = {cameras / ours.assigned_s:.0f} cameras/s, "
        f"{writes:.2f} writes a camera, {ours.peak_mib:.0f} MiB"
    )
    print(
        f"ours / kopf's idiom: {idiom.took_s / ours.assigned_s:.2f} in cameras/s, "
        f"{writes * cameras / idiom.writes.total():.2f} in writes, {ours.peak_mib / idiom.peak_mib:.2f} in memory"
    )


def verdicts(last: Figures) -> int:
    """Figure and limit, a line each; 0 where all hold."""
    unasked = last.warm_writes.total() - last.warm_writes["leases"]
    limits = [
        ("cold start: list barrier to all assignments", last.written_s, 15.0, "s"),
        ("cold start: start to all cameras Assigned", last.assigned_s, 90.0, "s"),
        ("warm restart: start to steady", last.warm_s, 15.0, "s"),
        ("warm restart: writes but the Lease", float(unasked), 0.0, ""),
        ("one edit to its assignment, p99", last.edit_s(0.99), 1.0, "s"),
        ("steady state: operator and agents", last.steady_per_s, 5.0, "writes/s"),
        ("writes a camera until all are Assigned", last.a_camera(last.until_assigned), 1.1, ""),
        ("writes a camera until all are Streaming", last.a_camera(last.until_streaming), 2.1, ""),
        ("peak resident memory", last.peak_mib, 250.0, "MiB"),
    ]
    print(f"\nat {last.rung.cameras:,} cameras:")
    for name, figure, limit, unit in limits:
        print(
            f"{'holds ' if figure <= limit else 'MISSED'} {name}: {figure:.4g} {unit}".rstrip()
            + f" (at most {limit:g})"
        )
    kept = all(figure <= limit for _, figure, limit, _ in limits)
    print(f"bench-operator: {'holds' if kept else 'does not hold'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
