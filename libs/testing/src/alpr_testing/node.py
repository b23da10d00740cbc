"""A real Kubernetes node: kubelet, containerd, kube-proxy and CoreDNS, in a network namespace of its own.

Needs root, and the Debian packages of `tools/debian-packages node`. The control plane stays outside, on the near end of
a pair of interfaces; pods and Services are reached from the test by their addresses. All of it is gone afterwards.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from alpr_testing.control_plane import ControlPlane, Network, binaries, running_control_plane
from alpr_testing.needs import missing
from alpr_testing.server_processes import ServerProcesses
from alpr_testing.waiting import until

NAME = "node-1"
PODS, SERVICES = "10.214.0.0/16", "10.213.0.0/16"
DNS_ADDRESS = "10.213.0.10"
_NEAR, _FAR = "10.212.255.1", "10.212.255.2"
_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "runc", "ctr", "nft", "ip", "nsenter", "buildah")
_CNI = Path("/usr/lib/cni")
_PAUSE = "localhost/pause:1"
_READY_WITHIN_S = 90


@dataclass(frozen=True, slots=True)
class _Wires:
    """The namespace and its pair of interfaces; names of at most 15 characters."""

    space: str
    near: str
    far: str

    def inside(self, command: Sequence[str]) -> list[str]:
        """`command` in the namespace; mounts stay the machine's, for kubelet and containerd share theirs."""
        return ["nsenter", f"--net=/run/netns/{self.space}", *command]


class Node:
    """A node that is ready; make one with `running_node`.

    Attributes:
        plane: its control plane, with controllers and scheduler.
    """

    def __init__(self, folder: Path, plane: ControlPlane, wires: _Wires) -> None:
        self.plane = plane
        self._folder = folder
        self._wires = wires
        self._processes = ServerProcesses(folder, {})
        self._socket = folder / "containerd.sock"

    @property
    def host(self) -> str:
        """This machine's address, as pods reach it."""
        return _NEAR

    @property
    def address(self) -> str:
        """The node's own, where it serves NodePorts."""
        return _FAR

    def import_image(self, archive: Path, name: str) -> None:
        """Have the OCI archive at `archive` as image `name`, as pods name it."""
        command = ["ctr", "-a", str(self._socket), "-n", "k8s.io", "images", "import", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as ctr:
            if ctr.stdin:
                _renamed(archive, _full(name), ctr.stdin)
                ctr.stdin.close()
            told = ctr.stdout.read().decode() if ctr.stdout else ""
        if ctr.returncode:
            raise RuntimeError(f"ctr images import {name}: {told[-500:]}")

    def images(self) -> list[str]:
        """The names of the images that the node has."""
        return _run(["ctr", "-a", str(self._socket), "-n", "k8s.io", "images", "list", "-q"]).split()

    def logs(self, namespace: str) -> str:
        """What all pods of `namespace` say, their last lines each: for a test that fails."""
        names = self.plane.kubectl("get", "pods", "-n", namespace, "-o", "name").split()
        told = []
        for name in names:
            with suppress(subprocess.CalledProcessError):
                told.append(
                    f"--- {name}\n" + self.plane.kubectl("logs", "-n", namespace, name, "--all-containers", "--tail=30")
                )
        return "\n".join(told)

    def start(self) -> None:
        """Start everything, and wait until the node is ready."""
        self._start_containerd()
        self._import_pause()
        self._start_kubelet()
        self._start_proxy()
        self._start_dns()
        until(self._ready, _READY_WITHIN_S, f"the node is ready; see {self._folder}/kubelet.log")

    def stop(self) -> None:
        """End it, its containers and its mounts."""
        for name in ("kubelet", "proxy", "dns"):
            self._processes.stop(name, 5)
        shims = _running_with(str(self._socket))
        for process in [*_children_of(shims), *shims]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._processes.kill_all()
        for place in reversed(_mounts_below(self._folder)):
            subprocess.run(["umount", "-l", place], check=False, capture_output=True)

    def _start_inside(self, name: str, program: str | Path, *arguments: str) -> None:
        command = self._wires.inside([str(program), *arguments])
        self._processes.start(name, Path(command[0]), {}, command[1:])

    def _start_containerd(self) -> None:
        config = self._folder / "containerd.toml"
        config.write_text(_containerd_config(self._folder, self._socket))
        network = self._folder / "cni"
        network.mkdir(exist_ok=True)
        (network / "10-ptp.conflist").write_text(json.dumps(_network(self._folder)))
        self._start_inside("containerd", "containerd", "--config", str(config))
        until(self._socket.exists, 30, f"containerd listens; see {self._folder}/containerd.log")

    def _import_pause(self) -> None:
        archive = _pause_image(self._folder, self.plane.programs)
        until(lambda: self._took(archive), 30, "containerd takes an image")

    def _took(self, archive: Path) -> bool:
        try:
            self.import_image(archive, _PAUSE)
        except RuntimeError:
            return False
        return True

    def _start_kubelet(self) -> None:
        config = self._folder / "kubelet.yaml"
        config.write_text(yaml.safe_dump(_kubelet_config(self._socket)))
        told = {
            "config": config,
            "kubeconfig": self.plane.kubeconfig_of(f"system:node:{NAME}", "node-token"),
            "hostname-override": NAME,
            "root-dir": self._folder / "kubelet",
            "cert-dir": self._folder / "kubelet-certs",
            "node-ip": _FAR,
        }
        flags = [f"--{key}={value}" for key, value in told.items()]
        self._start_inside("kubelet", self.plane.programs / "kubelet", *flags)

    def _start_proxy(self) -> None:
        told = {
            "kubeconfig": self.plane.kubeconfig_of("system:kube-proxy", "proxy-token"),
            "proxy-mode": "nftables",
            "cluster-cidr": PODS,
            "hostname-override": NAME,
            "conntrack-max-per-core": 0,
            "conntrack-min": 0,
            "conntrack-tcp-timeout-established": "0",
            "conntrack-tcp-timeout-close-wait": "0",
            "conntrack-udp-timeout": "0",
            "conntrack-udp-timeout-stream": "0",
        }
        flags = [f"--{key}={value}" for key, value in told.items()]
        self._start_inside("proxy", self.plane.programs / "kube-proxy", *flags)

    def _start_dns(self) -> None:
        corefile = self._folder / "Corefile"
        corefile.write_text(_COREFILE.format(address=_FAR, kubeconfig=self.plane.kubeconfig))
        self._start_inside("dns", self.plane.programs / "coredns", "-conf", str(corefile))
        manifests = self._folder / "dns.yaml"
        manifests.write_text(yaml.safe_dump_all(_dns_service()))
        self.plane.apply(manifests)

    def _ready(self) -> bool:
        for name in ("containerd", "kubelet", "proxy", "dns"):
            self._processes.check(name)
        told = self.plane.kubectl("get", "nodes", "-o", "json")
        conditions = [c for one in json.loads(told)["items"] for c in one["status"].get("conditions", ())]
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@contextmanager
def running_node(folder: Path) -> Iterator[Node]:
    """A control plane and a node in `folder`, while this lasts; skips the test (in CI: fails it) where none can be."""
    _demand_programs()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        wires = held.enter_context(_wired())
        users = {"node-token": (f"system:node:{NAME}", "system:nodes"), "proxy-token": ("system:kube-proxy", "")}
        network = Network(_NEAR, SERVICES, users)
        flags = ("--kubelet-preferred-address-types=InternalIP",)  # nobody knows the node's name: for logs and exec
        plane = held.enter_context(
            running_control_plane(folder / "plane", crds=False, network=network, api_flags=flags)
        )
        plane.start_controllers()
        node = Node(folder, plane, wires)
        held.callback(node.stop)
        node.start()
        yield node


def _demand_programs() -> None:
    if os.geteuid():
        missing("a Kubernetes node needs root")
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    if lacking or not (_CNI / "ptp").exists():
        missing(f"a Kubernetes node needs {', '.join(lacking) or 'CNI plugins'}; run: tools/debian-packages node")
    binaries("kubelet", "kube-proxy", "coredns", "pause")


@contextmanager
def _wired() -> Iterator[_Wires]:
    mark = uuid.uuid4().hex[:8]
    wires = _Wires(f"alpr-{mark}", f"al-{mark}n", f"al-{mark}f")
    _run(["ip", "netns", "add", wires.space])
    try:
        for told in (
            ["link", "add", wires.near, "type", "veth", "peer", "name", wires.far, "netns", wires.space],
            ["address", "add", f"{_NEAR}/30", "dev", wires.near],
            ["link", "set", wires.near, "up"],
        ):
            _run(["ip", *told])
        for told in (
            ["address", "add", f"{_FAR}/30", "dev", wires.far],
            ["link", "set", wires.far, "up"],
            ["link", "set", "lo", "up"],
            ["route", "add", "default", "via", _NEAR],
        ):
            _run(wires.inside(["ip", *told]))
        _run(wires.inside(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))
        for network in (PODS, SERVICES):
            _run(["ip", "route", "add", network, "via", _FAR, "dev", wires.near])
        yield wires
    finally:
        subprocess.run(["ip", "link", "delete", wires.near], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", wires.space], check=False, capture_output=True)


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} …: {done.stderr[-500:]}")
    return done.stdout


def _renamed(archive: Path, name: str, into: IO[bytes]) -> None:
    """Write the OCI archive `archive` into `into`, with the image in it called `name`.

    Two builds of one version have one name in their archives, and containerd's side of Kubernetes takes it for both.
    """
    with tarfile.open(archive) as old, tarfile.open(fileobj=into, mode="w|") as new:
        for member in old:
            content = old.extractfile(member)
            if member.name == "index.json" and content:
                index = json.load(content)
                index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": name}
                text = json.dumps(index).encode()
                member.size, content = len(text), io.BytesIO(text)
            new.addfile(member, content)


def _full(name: str) -> str:
    """The name as container runtimes complete it: without a registry it is Docker's."""
    first, slash, _ = name.partition("/")
    registry = slash and ("." in first or ":" in first or first == "localhost")
    return name if registry else f"docker.io/{name if slash else f'library/{name}'}"


def _running_with(argument: str) -> list[int]:
    """Processes whose command line holds `argument`: containerd's shims outlive it."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and argument.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def _children_of(parents: Sequence[int]) -> list[int]:
    """The first processes of containers, whose end is that of all in them: a shim that is killed would leave them."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) in parents:
                found.append(int(entry.name))
    return found


def _mounts_below(folder: Path) -> list[str]:
    places = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [place for place in places if place.startswith(f"{folder}/")]


def _containerd_config(folder: Path, socket: Path) -> str:
    # restrict_oom_score_adj: without the right to lower it, as in many containers, runc would die with no word of why
    return f"""
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{_PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{_CNI}"
    conf_dir = "{folder}/cni"
"""


def _network(folder: Path) -> dict[str, object]:
    address = {"type": "host-local", "subnet": PODS, "routes": [{"dst": "0.0.0.0/0"}], "dataDir": str(folder / "ipam")}
    ptp = {"type": "ptp", "ipMasq": False, "ipam": address}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    return {"cniVersion": "0.4.0", "name": "alpr", "plugins": [ptp, ports]}


def _kubelet_config(socket: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{socket}",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "enforceNodeAllocatable": [],
        "syncFrequency": "10s",
    }


_COREFILE = """.:53 {{
    bind {address}
    errors
    ready {address}:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
    }}
    cache 5
}}
"""


def _dns_service() -> list[dict[str, Any]]:
    meta = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [
        {"name": name, "port": 53, "protocol": protocol} for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"clusterIP": DNS_ADDRESS, "ports": ports},
    }
    slices = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**meta, "name": "kube-dns-1", "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [_FAR], "conditions": {"ready": True}}],
        "ports": ports,
    }
    return [service, slices]


def _pause_image(folder: Path, programs: Path) -> Path:
    """An image of one program that does nothing until it is told to end."""
    archive = folder / "pause.tar"
    buildah = ["buildah", "--storage-driver", "vfs", "--root", str(folder / "b"), "--runroot", str(folder / "br")]
    container = _run([*buildah, "from", "scratch"]).strip()
    _run([*buildah, "add", container, str(programs / "pause"), "/pause"])
    _run([*buildah, "config", "--entrypoint", '["/pause"]', container])
    _run([*buildah, "commit", "-q", "--rm", container, f"oci-archive:{archive}:{_PAUSE}"])
    return archive
