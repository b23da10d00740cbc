"""A real Kubernetes control plane: etcd, API server, and where asked controllers, scheduler and KWOK's nodes.

Everything listens on 127.0.0.1. `tools/kubernetes` builds the programs once, into a cache folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from alpr_testing.needs import missing
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

# etcd 3.4 cannot stream lists, which newer clients ask for.
_ENVIRONMENT = {**os.environ, "GOGC": "200", "KUBE_FEATURE_WatchListClient": "false"}
_REPOSITORY = Path(__file__).parents[4]
_TOKENS = {
    "admin": ("admin-token", '"system:masters"'),
    "system:kube-controller-manager": ("controllers-token", ""),
    "system:kube-scheduler": ("scheduler-token", ""),
}
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver"]},
        {"level": "None", "userGroups": ["system:nodes"]},
        {"level": "Metadata"},
    ],
}


def binaries() -> Path:
    """The folder with the programs; builds them where they are missing. Skips the test (in CI: fails) if it cannot."""
    built = subprocess.run([str(_REPOSITORY / "tools/kubernetes")], capture_output=True, text=True, check=False)
    if built.returncode:
        missing(f"no Kubernetes control plane can be built here: {built.stderr[-500:]}")
    return Path(built.stdout.strip().splitlines()[-1])


@dataclass(frozen=True, slots=True)
class Audited:
    """One request, as the API server's audit log has it."""

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    at: str


@dataclass
class ControlPlane:
    """A running control plane; make one with `control_plane`.

    Attributes:
        kubeconfig: the administrator's.
        programs: folder of the programs (kubectl, helm, glua and so on).
    """

    folder: Path
    programs: Path
    port: int = field(default_factory=free_port)
    api_flags: Sequence[str] = ()
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    etcd_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.port}"

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
        path.write_text(yaml.safe_dump(config))
        return path

    def kubeconfig_for(self, account: str, namespace: str, *, url: str = "", pod: str | None = None) -> Path:
        """A kubeconfig of a ServiceAccount, by a real token; bound to `pod` it names the pod's node."""
        bound = ["--bound-object-kind=Pod", f"--bound-object-name={pod}"] if pod else []
        token = self.kubectl("create", "token", account, "-n", namespace, "--duration=24h", *bound).strip()
        name = "-".join([account, namespace, *([pod] if pod else []), *(["proxied"] if url else [])])
        return self.kubeconfig_of(name, token, url=url, namespace=namespace)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl says, as the administrator. Raises CalledProcessError with its words."""
        command = [str(self.programs / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, input=stdin, check=False)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    def apply(self, *paths: Path) -> None:
        """Apply manifests, server-side."""
        files = [flag for path in paths for flag in ("-f", str(path))]
        self.kubectl("apply", "--server-side", "--force-conflicts", *files)

    def install_crds(self) -> None:
        """Apply the project's own CRDs and wait until they are served."""
        files = sorted((_REPOSITORY / "crds").glob("*.yaml"))
        self.apply(*files)
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"-f={file}" for file in files))

    def start_etcd(self) -> None:
        """Start etcd, on the data that is there."""
        url = f"http://127.0.0.1:{self.etcd_port}"
        flags = {
            "data-dir": str(self.folder / "etcd"),
            "listen-client-urls": url,
            "advertise-client-urls": url,
            "listen-peer-urls": f"http://127.0.0.1:{free_port()}",
            "log-level": "warn",
            "quota-backend-bytes": str(4 * 2**30),
        }
        self._run("etcd", "etcd", flags, "--unsafe-no-fsync")

    def start_api(self) -> None:
        """Start the API server, on the port it has had, and wait until it is ready."""
        policy = self.folder / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(_AUDIT))
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self.etcd_port}",
            "secure-port": str(self.port),
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "endpoint-reconciler-type": "none",
            "cert-dir": str(self.folder / "certs"),
            "service-account-issuer": "https://kubernetes.test",
            "service-account-key-file": str(self.folder / "accounts.key"),
            "service-account-signing-key-file": str(self.folder / "accounts.key"),
            "token-auth-file": str(self.folder / "tokens.csv"),
            "authorization-mode": "RBAC,Node",
            "service-cluster-ip-range": "10.0.0.0/16",
            "audit-policy-file": str(policy),
            "audit-log-path": str(self.folder / "audit.log"),
            "event-ttl": "2h",
        }
        self._run("kube-apiserver", "api", flags, "--allow-privileged=true", *self.api_flags)
        until(self.ready, 60, f"the API server is ready; see {self.folder}/api.log")

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
        }
        self._run(
            "kube-controller-manager",
            "controllers",
            flags,
            "--use-service-account-credentials=true",
            "--leader-elect=false",
        )
        scheduler = self.kubeconfig_of("scheduler", _TOKENS["system:kube-scheduler"][0])
        flags = {"kubeconfig": str(scheduler), "kube-api-qps": "300", "kube-api-burst": "500"}
        self._run("kube-scheduler", "scheduler", flags, "--leader-elect=false", f"--secure-port={free_port()}")

    def start_kwok(self) -> None:
        """Start KWOK: nodes annotated `kwok.x-k8s.io/node=fake` are ready, their pods run."""
        flags = {
            "kubeconfig": str(self.kubeconfig),
            "manage-nodes-with-annotation-selector": "kwok.x-k8s.io/node=fake",
            "node-lease-duration-seconds": "40",
            "cidr": "10.1.0.0/16",
            "server-address": f"127.0.0.1:{free_port()}",
        }
        stages = Path(__file__).parent / "kwok_stages.yaml"
        self._run("kwok", "kwok", flags, f"--config={stages}")

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
        self._end("api")

    def pause(self, name: str = "api") -> None:
        """Stop a process amid whatever it does; connections stay open."""
        self.processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str = "api") -> None:
        """Let it go on."""
        self.processes[name].send_signal(signal.SIGCONT)

    def compact(self) -> None:
        """Forget all past revisions in etcd: a watch from one of them is answered with 410."""
        base = f"http://127.0.0.1:{self.etcd_port}/v3/kv"
        now = httpx.post(f"{base}/range", json={"key": "AA=="}).json()["header"]["revision"]
        httpx.post(f"{base}/compaction", json={"revision": now, "physical": True}).raise_for_status()

    def audit(self, *, user: str = "") -> list[Audited]:
        """What `user` (all, where left out) has asked so far."""
        path = self.folder / "audit.log"
        lines = path.read_text().splitlines() if path.exists() else []
        told = [_audited(json.loads(line)) for line in lines if user in line]
        return [one for one in told if not user or one.user == user]

    def stop(self) -> None:
        """End everything."""
        for name in reversed(list(self.processes)):
            self._end(name)

    def _run(self, program: str, name: str, flags: Mapping[str, str], *more: str) -> None:
        command = [str(self.programs / program), *(f"--{key}={value}" for key, value in flags.items()), *more]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, env=_ENVIRONMENT
            )

    def _end(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait(30)


def _audited(told: Mapping[str, Any]) -> Audited:
    where = told.get("objectRef") or {}
    return Audited(
        user=told["user"]["username"],
        verb=told["verb"],
        resource=where.get("resource", ""),
        subresource=where.get("subresource", ""),
        namespace=where.get("namespace", ""),
        name=where.get("name", ""),
        code=(told.get("responseStatus") or {}).get("code", 0),
        at=told["requestReceivedTimestamp"],
    )


@contextmanager
def running_control_plane(
    folder: Path, *, nodes: bool = False, crds: bool = True, api_flags: Sequence[str] = ()
) -> Iterator[ControlPlane]:
    """A control plane in `folder`; with `nodes` its controllers, scheduler and KWOK run too."""
    plane = ControlPlane(folder, binaries(), api_flags=api_flags)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "genrsa", "-out", str(folder / "accounts.key"), "2048"], check=True, capture_output=True)
    rows = [f"{token},{user},{number},{groups}" for number, (user, (token, groups)) in enumerate(_TOKENS.items())]
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
