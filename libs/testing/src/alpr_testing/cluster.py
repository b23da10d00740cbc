"""Our charts on a real node, as people install them: by helm, with images of ours and stand-ins of the servers.

Needs what `alpr_testing.node` needs, and images that `tools/images` and `tools/stand-ins` build once.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from alpr_testing.node import Node, running_node
from alpr_testing.waiting import until

REPOSITORY: Final = Path(__file__).parents[4]
SYSTEM: Final = "alpr-system"
SERVERS: Final = ("kafka", "registry", "database", "search", "objectStore")
_STAND_INS: Final = {
    "kafka": "kafka", "registry": "registry", "database": "database", "search": "opensearch",
    "objectStore": "objectstore",
}  # fmt: skip
_WITHIN: Final = "12m"
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Image:
    """An image as pods name it, and its archive."""

    name: str
    archive: Path


def own_images(repository: Path = REPOSITORY, cache: str = "images", components: Sequence[str] = ()) -> list[Image]:
    """The images of the components (all, where none is named) of `repository`, built where they are not there yet.

    Archives lie in the user's cache `cache`: each checkout keeps one of each component there. Bases are shared.
    """
    version = _version(repository)
    found = []
    for line in _built(repository, "tools/images", _shared_bases(cache), components):
        path = Path(line)
        component = path.stem.rpartition("-")[0]
        suffix = "-cpu" if component == "edge-agent" else ""
        found.append(Image(f"ovr-alpr/{component}:{version}{suffix}", path))
    return found


def stand_ins() -> list[Image]:
    """Images of the backing servers, built where they are not there yet."""
    rows = (line.split(" ", 1) for line in _built(REPOSITORY, "tools/stand-ins"))
    return [Image(name, Path(path)) for name, path in rows]


def _shared_bases(cache: str) -> dict[str, str]:
    """Variables for the cache `cache`, whose images are made from those of the usual one."""
    if cache == "images":
        return {}
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alpr"
    (home / cache).mkdir(parents=True, exist_ok=True)
    for shared in ("storage", "run"):
        if not (home / cache / shared).is_symlink():
            (home / cache / shared).symlink_to(home / "images" / shared)
    return {"ALPR_IMAGES": str(home / cache)}


def _built(repository: Path, tool: str, told: Mapping[str, str] | None = None, names: Sequence[str] = ()) -> list[str]:
    path = f"{os.environ['PATH']}:{REPOSITORY}/.uv/bin"  # an older checkout's tools look for uv there
    environment = {**os.environ, "PATH": path, **(told or {})}
    command = [str(repository / tool), *names]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{tool}: {done.stderr[-2000:]}")
    return done.stdout.split("\n")[:-1]


def _version(repository: Path) -> str:
    lines = (repository / "pyproject.toml").read_text().splitlines()
    return next(line for line in lines if line.startswith("version = ")).split('"')[1]


class Cluster:
    """A node with images, and helm at work on it; make one with `running_cluster`."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.node = node
        self.plane = node.plane
        self.folder = folder

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl says. Raises CalledProcessError with its words."""
        return self.plane.kubectl(*arguments, stdin=stdin)

    def helm(self, *arguments: str) -> str:
        """What helm says. Raises AssertionError with its words and those of the pods."""
        command = [str(self.plane.programs / "helm"), "--kubeconfig", str(self.plane.kubeconfig), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"helm {arguments[0]}: {done.stderr[-2000:]}\n{self.told()}")
        return done.stdout

    def alpr(self, *arguments: str) -> str:
        """What `kubectl alpr …` says. Raises AssertionError with its words."""
        command = [sys.executable, "-m", "alpr_cli", "kube", *arguments, "--kubeconfig", str(self.plane.kubeconfig)]
        path = f"{self.plane.programs}:{os.environ['PATH']}"
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
        assert done.returncode == 0, done.stderr  # noqa: S101
        return done.stdout

    def install(
        self, release: str, chart: Path, values: Values | None = None, presets: Sequence[str] = (), *, wait: bool = True
    ) -> None:
        """`helm upgrade --install`, in the system's namespace."""
        told = self.folder / f"{release}.values.yaml"
        told.write_text(yaml.safe_dump(dict(values or {})))
        files = [flag for name in (*[chart / preset for preset in presets], told) for flag in ("--values", str(name))]
        more = ["--wait", "--timeout", _WITHIN] if wait else []
        self.helm("upgrade", "--install", release, str(chart), "--namespace", SYSTEM, *files, *more)

    def get(self, *words: str) -> Any:
        """`kubectl get … -o json`."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def secret(self, name: str, namespace: str = SYSTEM) -> dict[str, str]:
        """The Secret's contents."""
        data = self.get("secret", name, "-n", namespace)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def service(self, name: str, namespace: str = SYSTEM) -> str:
        """The address of a Service, which this machine reaches through the node."""
        return str(self.get("service", name, "-n", namespace)["spec"]["clusterIP"])

    def pods(self, selector: str, namespace: str = SYSTEM) -> list[dict[str, Any]]:
        """The pods of a label selector."""
        return list(self.get("pods", "-n", namespace, "-l", selector)["items"])

    def kill_pods(self, selector: str, namespace: str = SYSTEM) -> None:
        """By force: the next ones may start while these still run, for two seconds at most."""
        chosen = ("-l", selector, "-n", namespace)
        self.kubectl("delete", "pod", *chosen, "--grace-period=0", "--force", "--wait=false")

    def told(self) -> str:
        """What is to be said of the pods where a test fails."""
        return "\n".join([self.kubectl("get", "pods", "-A", "-o", "wide"), self.node.logs(SYSTEM)])[-12_000:]

    def api(self) -> httpx.Client:
        """The Query API, with the installation's first key."""
        key = self.secret("alpr-query-api-key")["key"]
        address = f"http://{self.service('query-api')}:8000"
        return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=10)

    def ledger(self) -> dict[str, Any]:
        """`alpr ledger --json`, said by the pod of the storage consumer; {} while the database does not answer."""
        pod = self.pods("app.kubernetes.io/name=storage-consumer")[0]["metadata"]["name"]
        command = ["alpr", "ledger", "--json", "||", "true"]
        try:
            said = self.kubectl("exec", "-n", SYSTEM, pod, "--", "sh", "-c", " ".join(command))
            return dict(json.loads(said))
        except (subprocess.CalledProcessError, ValueError):
            return {}

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of `statement`, by the database's administrator, in its pod."""
        word = "PGPASSWORD=$(cat /etc/ovr-alpr/secrets/database-admin/password)"
        query = f"{word} psql -X -A -t -F '\t' -h /var/run/postgresql -U postgres -d alpr"
        pod = ("exec", "-i", "-n", SYSTEM, "database-0", "--")
        said = self.kubectl(*pod, "sh", "-c", query, stdin=statement)
        return [line.split("\t") for line in said.splitlines() if line]


def central_values(folder: Path) -> dict[str, Any]:
    """Values of chart alpr-central for stand-ins, whose data lies in folders below `folder`."""
    values: dict[str, Any] = {}
    for server in SERVERS:
        place = folder / server
        place.mkdir(parents=True, exist_ok=True)
        image = {"repository": f"stand-ins/{_STAND_INS[server]}", "tag": "1"}
        values[server] = {"bundled": {"image": image, "storage": {"hostPath": str(place), "size": "1Gi"}}}
    values["database"]["bundled"]["runAsUser"] = 999
    values["search"]["bundled"]["security"] = False
    return values


@contextmanager
def running_cluster(folder: Path, images: Sequence[Image]) -> Iterator[Cluster]:
    """A node that has `images`, and the system's namespace under the restricted profile, while this lasts."""
    with running_node(folder / "node") as node:
        for image in images:
            node.import_image(image.archive, image.name)
        cluster = Cluster(node, folder)
        until(lambda: "default" in cluster.kubectl("get", "serviceaccounts", "-o", "name"), 60, "the default account")
        cluster.kubectl("create", "namespace", SYSTEM)
        cluster.kubectl("label", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce=restricted")
        yield cluster


def timed(began_s: float) -> str:
    """Seconds since `began_s` of the monotonic clock, for people."""
    return f"{time.monotonic() - began_s:.1f} s"
