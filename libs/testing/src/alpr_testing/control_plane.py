"""A real Kubernetes control plane: etcd, API server, and where asked controllers, scheduler and KWOK's nodes.

Everything listens on 127.0.0.1. `tools/kubernetes` builds the programs once, into a cache folder.
"""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml

from alpr_testing.audit_log import POLICY, Audited, audited
from alpr_testing.needs import missing, needs
from alpr_testing.ports import free_port
from alpr_testing.server_processes import ServerProcesses
from alpr_testing.waiting import until

# etcd 3.4 cannot stream lists, which newer clients ask for.
_ENVIRONMENT = {"GOGC": "400", "KUBE_FEATURE_WatchListClient": "false"}
_REPOSITORY = Path(__file__).parents[4]
_TOKENS = {
    "admin": ("admin-token", '"system:masters"'),
    "system:kube-controller-manager": ("controllers-token", ""),
    "system:kube-scheduler": ("scheduler-token", ""),
}


@dataclass(frozen=True, slots=True)
class Network:
    """Where a control plane listens, and for whom beside its own parts.

    Attributes:
        address: of its API server; pods reach it there, too.
        services: the network of ClusterIPs.
        users: of further tokens: (name, group).
    """

    address: str = "127.0.0.1"
    services: str = "10.0.0.0/16"
    users: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def binaries(*programs: str) -> Path:
    """The folder with the programs (those of the control plane where none are named); builds what is missing.

    Skips the test (in CI: fails) if it cannot.
    """
    built = subprocess.run(
        [str(_REPOSITORY / "tools/kubernetes"), *programs], capture_output=True, text=True, check=False
    )
    if built.returncode:
        missing(f"no Kubernetes control plane can be built here: {built.stderr[-500:]}")
    return Path(built.stdout.strip().splitlines()[-1])


class ControlPlane:
    """A running control plane; make one with `running_control_plane`.

    Attributes:
        folder: for its data, its certificates and its logs.
        programs: folder of the programs (kubectl, helm, glua and so on).
        port: where the API server listens; it keeps it over restarts.
        api_flags: more flags of the API server, such as `--max-requests-inflight=4`; read at each start of it.
        processes: its servers: etcd, api, controllers, scheduler, kwok.
    """

    def __init__(
        self,
        folder: Path,
        programs: Path,
        *,
        api_flags: Sequence[str] = (),
        audits: bool = True,
        network: Network = Network(),
    ) -> None:
        self.network = network
        self.folder = folder
        self.programs = programs
        self.port = free_port()
        self.api_flags = tuple(api_flags)
        self.processes = ServerProcesses(folder, _ENVIRONMENT)
        self._etcd_port = free_port()
        self._audits = audits

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{self.network.address}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """Who signed its certificate."""
        return self.folder / "certs/apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.kubeconfig_of("admin", _TOKENS["admin"][0])

    def kubeconfig_of(self, name: str, token: str, *, url: str = "", namespace: str = "default") -> Path:
        """A kubeconfig with `token`, reaching the server at `url` (its own address where left out)."""
        path = self.folder / f"{name}.kubeconfig"
        cluster = {
            "server": url or self.url,
            "certificate-authority": str(self.ca_file),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": namespace}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": token}}],
        }
        _written(path, yaml.safe_dump(config))
        return path

    def kubeconfig_for(self, account: str, namespace: str, *, url: str = "", pod: str | None = None) -> Path:
        """A kubeconfig of a ServiceAccount, by a real token; bound to `pod` it names the pod's node."""
        bound = ["--bound-object-kind=Pod", f"--bound-object-name={pod}"] if pod else []
        token = self.kubectl("create", "token", account, "-n", namespace, "--duration=24h", *bound).strip()
        name = "-".join([account, namespace, *([pod] if pod else []), *([url.rpartition(":")[2]] if url else [])])
        return self.kubeconfig_of(name, token, url=url, namespace=namespace)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl says, as the administrator. Raises CalledProcessError with its words."""
        command = [str(self.programs / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, input=stdin, check=False)
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
            error.add_note(done.stderr)
            raise error
        return done.stdout

    def apply(self, *paths: Path) -> None:
        """Apply manifests, server-side."""
        files = [flag for path in paths for flag in ("-f", str(path))]
        self.kubectl("apply", "--server-side", "--force-conflicts", *files)

    def install_crds(self) -> None:
        """Apply the project's own CRDs and wait until they are served."""
        files = sorted((_REPOSITORY / "crds").glob("*.yaml"))
        self.apply(*files)
        until(lambda: self.served(files), 30, "the CRDs are served")

    def served(self, crds: Sequence[Path]) -> bool:
        """Whether the CRDs in these files are; `kubectl wait` fails on one that has no conditions yet."""
        files = [flag for path in crds for flag in ("-f", str(path))]
        told = json.loads(self.kubectl("get", *files, "-o", "json"))
        found = told["items"] if told["kind"] == "List" else [told]
        served = [
            any(turn["type"] == "Established" and turn["status"] == "True" for turn in one["status"]["conditions"])
            for one in found
            if (one.get("status") or {}).get("conditions")
        ]
        return len(served) == len(found) and all(served)

    def start_etcd(self) -> None:
        """Start etcd, on the data that is there."""
        url = f"http://127.0.0.1:{self._etcd_port}"
        flags = {
            "data-dir": str(self.folder / "etcd"),
            "listen-client-urls": url,
            "advertise-client-urls": url,
            "listen-peer-urls": f"http://127.0.0.1:{free_port()}",
            "log-level": "warn",
            "quota-backend-bytes": str(4 * 2**30),
            "unsafe-no-fsync": "true",
        }
        self.processes.start("etcd", self.programs / "etcd", flags)

    def start_api(self) -> None:
        """Start the API server, on the port it has had, and wait until it is ready."""
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "secure-port": str(self.port),
            "bind-address": self.network.address,
            "advertise-address": self.network.address,
            "endpoint-reconciler-type": "none" if self.network.address == "127.0.0.1" else "lease",
            "cert-dir": str(self.folder / "certs"),
            "service-account-issuer": "https://kubernetes.test",
            "service-account-key-file": str(self.folder / "accounts.key"),
            "service-account-signing-key-file": str(self.folder / "accounts.key"),
            "token-auth-file": str(self.folder / "tokens.csv"),
            "authorization-mode": "RBAC,Node",
            "service-cluster-ip-range": self.network.services,
            "event-ttl": "2h",
            "allow-privileged": "true",
            # Debian's etcd cannot stream lists: said at once, clients list; else KWOK asks again and again.
            "feature-gates": "WatchList=false",
            **(self._audit_flags() if self._audits else {}),
            **dict(flag.removeprefix("--").split("=", 1) for flag in self.api_flags),
        }
        self.processes.start("api", self.programs / "kube-apiserver", flags)
        until(self._started, 60, f"the API server is ready; see {self.folder}/api.log")

    def _audit_flags(self) -> dict[str, str]:
        policy = self.folder / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(dict(POLICY)))
        return {"audit-policy-file": str(policy), "audit-log-path": str(self._audit_log)}

    @property
    def _audit_log(self) -> Path:
        return self.folder / "audit.log"

    def _started(self) -> bool:
        for name in ("etcd", "api"):
            self.processes.check(name)
        return self.ready()

    def start_controllers(self) -> None:
        """Start the controllers of Kubernetes itself, and its scheduler."""
        config = self.kubeconfig_of("controllers", _TOKENS["system:kube-controller-manager"][0])
        flags = {
            "kubeconfig": str(config),
            "service-account-private-key-file": str(self.folder / "accounts.key"),
            "root-ca-file": str(self.ca_file),
            "controllers": "*,-nodeipam,-route,-cloud-node-lifecycle",
            "kube-api-qps": "300",
            "kube-api-burst": "500",
            "secure-port": "0",
            "concurrent-gc-syncs": "10",
            "use-service-account-credentials": "true",
            "leader-elect": "false",
        }
        self.processes.start("controllers", self.programs / "kube-controller-manager", flags)
        scheduler = self.kubeconfig_of("scheduler", _TOKENS["system:kube-scheduler"][0])
        flags = {
            "kubeconfig": str(scheduler),
            "kube-api-qps": "300",
            "kube-api-burst": "500",
            "leader-elect": "false",
            "secure-port": str(free_port()),
        }
        self.processes.start("scheduler", self.programs / "kube-scheduler", flags)

    def start_kwok(self) -> None:
        """Start KWOK: nodes annotated `kwok.x-k8s.io/node=fake` are ready, their pods run."""
        flags = {
            "kubeconfig": str(self.kubeconfig),
            "manage-nodes-with-annotation-selector": "kwok.x-k8s.io/node=fake",
            "node-lease-duration-seconds": "40",
            "cidr": "10.1.0.0/16",
            "server-address": f"127.0.0.1:{free_port()}",
            "config": str(Path(__file__).parent / "kwok_stages.yaml"),
        }
        self.processes.start("kwok", self.programs / "kwok", flags)

    def ready(self) -> bool:
        """Whether the API server answers that it is ready."""
        if not self.ca_file.exists():
            return False
        try:
            headers = {"Authorization": f"Bearer {_TOKENS['admin'][0]}"}
            return httpx.get(f"{self.url}/readyz", headers=headers, verify=False, timeout=2).status_code == 200  # noqa: S501
        except httpx.HTTPError:
            return False

    def stop_api(self) -> None:
        """Kill the API server."""
        self.processes.kill("api")

    def pause(self, name: str = "api") -> None:
        """Stop a process amid whatever it does; connections stay open."""
        self.processes.pause(name)

    def resume(self, name: str = "api") -> None:
        """Let it go on."""
        self.processes.resume(name)

    def compact(self) -> None:
        """Forget all past revisions in etcd: a watch from one of them is answered with 410.

        The API server keeps the last changes of each kind in memory, which only its restart empties.
        """
        base = f"http://127.0.0.1:{self._etcd_port}/v3/kv"
        now = httpx.post(f"{base}/range", json={"key": "AA=="}).json()["header"]["revision"]
        httpx.post(f"{base}/compaction", json={"revision": now, "physical": True}).raise_for_status()

    def audit(self, *, user: str = "") -> list[Audited]:
        """What `user` (all, where left out) has asked so far."""
        return audited(self._audit_log, user)

    def request_total(self, **labels: str) -> float:
        """Requests that the API server has answered since its start, of those `labels` (verb, resource, code, …)."""
        text = self.kubectl("get", "--raw", "/metrics")
        wanted = [f'{key}="{told}"' for key, told in labels.items()]
        lines = re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", text, re.MULTILINE)
        return sum(float(value) for told, value in lines if all(want in told.split(",") for want in wanted))

    def new_namespace(self, prefix: str = "t") -> str:
        """Make a namespace of a name that nothing else has; its name."""
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        self.kubectl("create", "namespace", name)
        return name

    def stop(self) -> None:
        """End everything."""
        self.processes.kill_all()


def _written(path: Path, text: str) -> None:
    """Whole or not at all: others may be reading the file."""
    if not path.exists() or path.read_text() != text:
        new = path.with_suffix(f".{uuid.uuid4().hex}")
        new.write_text(text)
        new.replace(path)


@contextmanager
def running_control_plane(
    folder: Path,
    *,
    nodes: bool = False,
    crds: bool = True,
    api_flags: Sequence[str] = (),
    audits: bool = True,
    network: Network = Network(),
) -> Iterator[ControlPlane]:
    """A control plane in `folder`; with `nodes` its controllers, scheduler and KWOK run too."""
    plane = ControlPlane(folder, binaries(), api_flags=api_flags, audits=audits, network=network)
    folder.mkdir(parents=True, exist_ok=True)
    key = [needs("openssl", package="openssl"), "genrsa", "-out", str(folder / "accounts.key"), "2048"]
    subprocess.run(key, check=True, capture_output=True)
    more = {user: (token, f'"{group}"') for token, (user, group) in network.users.items()}
    users = (_TOKENS | more).items()
    rows = [f"{token},{user},{number},{groups}" for number, (user, (token, groups)) in enumerate(users)]
    (folder / "tokens.csv").write_text("\n".join(row.rstrip(",") for row in rows) + "\n")
    try:
        plane.start_etcd()
        plane.start_api()
        if crds:
            plane.install_crds()
        if nodes:
            plane.start_controllers()
            plane.start_kwok()
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Etcd and an API server with our CRDs; no controllers, so that objects stay as tests put them."""
    with running_control_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with controllers, scheduler, and nodes and pods played by KWOK."""
    with running_control_plane(tmp_path_factory.mktemp("cluster"), nodes=True) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """A namespace of the test alone, on `control_plane`."""
    return control_plane.new_namespace()
