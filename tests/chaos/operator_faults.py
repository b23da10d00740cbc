"""Twenty minutes of seeded faults upon operator, nodes and API server; then the invariants.

Two replicas, each behind a proxy of its own, serve six sites; a fleet of agents follows and reports. Replicas are killed,
stopped and cut off; nodes go dark, come back, are made anew; cameras are added, edited, deleted; the API server is killed.
Each replica has a ServiceAccount of its own, so that the audit log tells who wrote what.

Invariants: a camera (by UID) is on at most one node in an epoch, in every version of every assignment and in what the
agents served; at the end each camera is where its status says, once, and none is lost; no replica wrote after another had
taken the Lease; no finalizer is left.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from alpr_kubernetes import kinds
from alpr_testing.control_plane import ControlPlane, running_control_plane
from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.objects import Objects, Refusal, TestSite
from alpr_testing.operated import SYSTEM, Operated, install_operator
from alpr_testing.waiting import until

SITES, NODES, CAMERAS = 6, 4, 10
ACCOUNTS = ("alpr-operator", "alpr-operator-b")
SETTLED_WITHIN_S = 240
CONFIG = {"sweep_s": 60, "lease": {"duration_s": 6, "renew_within_s": 4, "retry_s": 0.5}}


class Record:
    """Every version of every assignment: which node had which camera in which epoch."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.holders: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="record")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - the API server is down now and then, on purpose
                self._stop.wait(0.2)

    def look(self) -> None:
        """Take down what stands there now."""
        for assignment in self._objects.list(kinds.ASSIGNMENTS):
            for camera in assignment["spec"].get("cameras") or ():
                place = f"{assignment['metadata']['name']}/{assignment['spec'].get('nodeUid', '')}"
                self.holders[camera.get("uid", ""), camera["epoch"]].add(place)


class Chaos:
    """The world that is broken, piece by piece, and put together at the end."""

    def __init__(self, plane: ControlPlane, folder: Path, seed: int, stack: ExitStack) -> None:
        self.plane = plane
        self.chance = random.Random(seed)
        self.objects = Objects(plane.kubeconfig)
        install_operator(plane)
        self._second_account()
        self.proxies = [stack.enter_context(FaultProxy(plane.port)) for _ in ACCOUNTS]
        self.replicas = [self._replica(number, folder, stack) for number in range(len(ACCOUNTS))]
        self.sites = [self._site(number) for number in range(SITES)]
        self.dark: set[str] = set()
        self.done: Counter[str] = Counter()
        self.numbers = iter(range(1_000_000))
        self._mend: list[tuple[float, Callable[[], None]]] = []

    def _second_account(self) -> None:
        self.plane.kubectl("create", "serviceaccount", ACCOUNTS[1], "-n", SYSTEM)
        account = f"--serviceaccount={SYSTEM}:{ACCOUNTS[1]}"
        self.plane.kubectl("create", "clusterrolebinding", ACCOUNTS[1], "--clusterrole=alpr-operator", account)
        self.plane.kubectl("create", "rolebinding", ACCOUNTS[1], "-n", SYSTEM, "--role=alpr-operator", account)

    def _replica(self, number: int, folder: Path, stack: ExitStack) -> Operated:
        url = f"https://127.0.0.1:{self.proxies[number].port}"
        kubeconfig = self.plane.kubeconfig_for(ACCOUNTS[number], SYSTEM, url=url)
        replica = Operated(kubeconfig, folder / f"replica{number}", SYSTEM, f"replica{number}", CONFIG)
        return stack.enter_context(replica)

    def _site(self, number: int) -> TestSite:
        site = TestSite(self.objects, f"site-{number}").made(
            nodeClasses=[{"name": "cpu", "capacityUnits": 2 * CAMERAS}],
            assignment={"failover": {"after": "5s"}, "maxMovesPerMinute": 1000, "reservePercent": 0},
        )
        account = f"--serviceaccount={SYSTEM}:{ACCOUNTS[1]}"
        binding = ("create", "rolebinding", ACCOUNTS[1], "-n", site.namespace, "--clusterrole=alpr-operator-site")
        self.plane.kubectl(*binding, account)
        for node in range(NODES):
            site.node(f"{site.name}-n{node}")
        site.cameras(CAMERAS, costUnits=1)
        return site

    def step(self) -> None:
        """Mend what is due, then break something else."""
        now = time.monotonic()
        for due, mend in [one for one in self._mend if one[0] <= now]:
            self._mend.remove((due, mend))
            mend()
        actions = {
            self.edit: 6,
            self.add: 3,
            self.delete: 3,
            self.node_dark: 3,
            self.node_anew: 1,
            self.drain: 1,
            self.kill: 2,
            self.pause: 2,
            self.cut: 2,
            self.api: 1,
            self.assignment_lost: 1,
        }
        action = self.chance.choices(list(actions), list(actions.values()))[0]
        try:
            action()
        except Refusal as e:
            if e.status not in (404, 409):
                raise
        except OSError:
            return
        self.done[action.__name__] += 1

    def _later(self, low_s: float, high_s: float, mend: Callable[[], None]) -> None:
        self._mend.append((time.monotonic() + self.chance.uniform(low_s, high_s), mend))

    def _any_site(self) -> TestSite:
        return self.chance.choice(self.sites)

    def _any_camera(self, site: TestSite) -> str | None:
        names = sorted(one["metadata"]["name"] for one in self.objects.list(kinds.CAMERAS, site.namespace))
        return self.chance.choice(names) if names else None

    def edit(self) -> None:
        site = self._any_site()
        if name := self._any_camera(site):
            patch = {"spec": {"displayName": f"edit {next(self.numbers)}", "priority": self.chance.randint(0, 1000)}}
            self.objects.merge(kinds.CAMERAS, site.namespace, name, patch)

    def add(self) -> None:
        self._any_site().camera(f"new-{next(self.numbers)}", costUnits=1)

    def delete(self) -> None:
        site = self._any_site()
        if name := self._any_camera(site):
            self.objects.delete(kinds.CAMERAS, site.namespace, name)

    def node_dark(self) -> None:
        site = self._any_site()
        node = f"{site.name}-n{self.chance.randrange(NODES)}"
        if node not in self.dark:
            self.dark.add(node)
            site.node_turns(node, ready=False, ago_s=self.chance.choice((0, 60)))
            self._later(3, 25, lambda: self._light(site, node))

    def _light(self, site: TestSite, node: str) -> None:
        self.dark.discard(node)
        site.node_turns(node, ready=True)

    def node_anew(self) -> None:
        site = self._any_site()
        node = f"{site.name}-n{self.chance.randrange(NODES)}"
        if node not in self.dark:
            self.objects.delete(kinds.NODES, None, node)
            site.node(node)

    def drain(self) -> None:
        site = self._any_site()
        node = f"{site.name}-n{self.chance.randrange(NODES)}"
        self._label(node, "true")
        self._later(5, 20, lambda: self._label(node, None))

    def _label(self, node: str, value: str | None) -> None:
        self.objects.merge(kinds.NODES, None, node, {"metadata": {"labels": {"ovr-alpr.io/drain": value}}})

    def kill(self) -> None:
        replica = self.chance.choice(self.replicas)
        replica.kill()
        self._later(0.5, 8, lambda: self._raise(replica))

    def _raise(self, replica: Operated) -> None:
        if replica.process is None or replica.process.poll() is not None:
            replica.start()

    def pause(self) -> None:
        replica = self.chance.choice(self.replicas)
        if replica.process is not None and replica.process.poll() is None:
            replica.pause()
            self._later(1, 15, lambda: self._resume(replica))

    def _resume(self, replica: Operated) -> None:
        if replica.process is not None and replica.process.poll() is None:
            replica.resume()

    def cut(self) -> None:
        proxy = self.chance.choice(self.proxies)
        proxy.set(self.chance.choice(("refuse", "freeze")))
        self._later(1, 15, lambda: proxy.set("pass"))

    def api(self) -> None:
        self.plane.stop_api()
        time.sleep(self.chance.uniform(0.2, 4))
        self.plane.start_api()

    def assignment_lost(self) -> None:
        site = self._any_site()
        node = f"{site.name}-n{self.chance.randrange(NODES)}"
        self.objects.delete(kinds.ASSIGNMENTS, site.namespace, node)

    def rested(self) -> None:
        """Mend everything, and wait until all is where it belongs."""
        for _, mend in self._mend:
            mend()
        self._mend.clear()
        for replica in self.replicas:
            self._resume(replica)
            self._raise(replica)
        until(lambda: not self.wrong(), SETTLED_WITHIN_S, "every site to settle")

    def wrong(self) -> list[str]:
        """What is not as it should be at rest."""
        found = []
        for site in self.sites:
            try:
                found += self._wrong_in(site)
            except (Refusal, AssertionError) as e:
                found.append(str(e))
        return found

    def _wrong_in(self, site: TestSite) -> list[str]:
        placed, found = site.placed(), []
        cameras = {one["metadata"]["name"]: one for one in self.objects.list(kinds.CAMERAS, site.namespace)}
        found += [f"{name} is served and was deleted" for name in placed.keys() - cameras.keys()]
        for name, camera in cameras.items():
            status = camera.get("status") or {}
            told = (status.get("nodeName"), status.get("epoch"))
            if name not in placed:
                found.append(f"{site.name}/{name} has no node: {status.get('conditions')}")
            elif placed[name] != told:
                found.append(f"{site.name}/{name} is on {placed[name]} and says {told}")
            if camera["metadata"].get("finalizers"):
                found.append(f"{name} has a finalizer")
            if not found and site.told(name, "Streaming")[0] != "True":
                found.append(f"{site.name}/{name} does not stream: {site.told(name, 'Streaming')}")
        held = [one["name"] for a in site.assignments().values() for one in a["spec"].get("cameras") or ()]
        found += [f"{name} stands in two assignments" for name, count in Counter(held).items() if count > 1]
        found += ["a release is left" for a in site.assignments().values() if a["spec"].get("released")]
        return found


def wrote_without_lease(plane: ControlPlane) -> tuple[int, list[str]]:
    """Writes of the replicas, and those that came after another replica had taken the Lease."""
    users = {f"system:serviceaccount:{SYSTEM}:{account}" for account in ACCOUNTS}
    told = [one for one in plane.audit() if one.user in users and one.verb in ("create", "update", "patch", "delete")]
    holder, writes, wrong = "", 0, []
    for one in sorted(told, key=lambda one: one.at):
        if one.resource == "leases":
            holder = one.user if one.code < 300 else holder
            continue
        writes += 1
        if one.user != holder and one.code < 300:
            wrong.append(f"{one.at} {one.user} {one.verb} {one.resource} {one.namespace}/{one.name}")
    return writes, wrong


def served_twice(path: Path) -> list[str]:
    """Cameras that two nodes served in one epoch, as the agents took it down."""
    nodes: dict[tuple[str, int], set[str]] = defaultdict(set)
    for line in path.read_text().splitlines():
        told = json.loads(line)
        nodes[told["uid"], told["epoch"]].add(told["node"])
    return [f"{uid} epoch {epoch}: {sorted(where)}" for (uid, epoch), where in nodes.items() if len(where) > 1]


def run(minutes: float, seed: int, folder: Path) -> int:
    """A whole run; the exit status."""
    with ExitStack() as stack:
        plane = stack.enter_context(running_control_plane(folder / "plane"))
        chaos = Chaos(plane, folder, seed, stack)
        served = folder / "served.jsonl"
        fleet = _fleet(plane, folder, served)
        stack.callback(fleet.kill)
        record = stack.enter_context(Record(Objects(plane.kubeconfig)))
        until(lambda: not chaos.wrong(), SETTLED_WITHIN_S, "every site to settle at first")
        ends, told = time.monotonic() + minutes * 60, 0.0
        while time.monotonic() < ends:
            chaos.step()
            time.sleep(chaos.chance.uniform(0.1, 1.5))
            if time.monotonic() - told > 30:
                told = time.monotonic()
                print(f"  {(ends - told) / 60:.1f} min to go; {chaos.done.total()} done", file=sys.stderr, flush=True)
        print("mending everything and waiting for rest …", file=sys.stderr, flush=True)
        try:
            chaos.rested()
        except TimeoutError:
            print("\n".join(chaos.wrong()[:20]), file=sys.stderr)
        record.look()
        fleet.terminate()
        fleet.wait(30)
        return _verdict(chaos, record, plane, served, seed)


def _fleet(plane: ControlPlane, folder: Path, served: Path) -> subprocess.Popen[bytes]:
    nodes = folder / "nodes.json"
    nodes.write_text(json.dumps({f"site-{s}-n{n}": f"site-{s}" for s in range(SITES) for n in range(NODES)}))
    command = [sys.executable, "-m", "alpr_testing.fleet", str(plane.kubeconfig), str(nodes)]
    return subprocess.Popen([*command, "--served", str(served), "--settle", "0.3"])


def _verdict(chaos: Chaos, record: Record, plane: ControlPlane, served: Path, seed: int) -> int:
    writes, without = wrote_without_lease(plane)
    doubled = [f"{key}: {sorted(where)}" for key, where in record.holders.items() if len(where) > 1]
    twice, wrong = served_twice(served), chaos.wrong()
    cameras = sum(len(chaos.objects.list(kinds.CAMERAS, site.namespace)) for site in chaos.sites)
    for name, found in (("wrong at rest", wrong), ("two nodes in an epoch", doubled), ("served twice", twice)):
        for line in found[:10]:
            print(f"{name}: {line}", file=sys.stderr)
    for line in without[:10]:
        print(f"wrote without the Lease: {line}", file=sys.stderr)
    acts = ", ".join(f"{name} {count}" for name, count in sorted(chaos.done.items()))
    print(f"seed {seed}: {chaos.done.total()} acts ({acts})")
    print(
        f"{cameras} cameras at rest, {len(wrong)} of them wrong; {len(record.holders)} (camera, epoch) seen, "
        f"{len(doubled)} on two nodes; {len(twice)} served twice in an epoch; {writes} writes, "
        f"{len(without)} without the Lease"
    )
    return int(bool(wrong or doubled or twice or without or not cameras))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for logs and the control plane's files")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="alpr-chaos-"))
    sys.exit(run(given.minutes, given.seed, folder))


if __name__ == "__main__":
    main()
