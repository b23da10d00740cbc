"""Tools, charts and golden files for tests of what is deployed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_testing.control_plane import binaries
from alpr_testing.kubeconform import schema_folders
from alpr_testing.lua import Lua

REPOSITORY = Path(__file__).parents[2]
Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
OURS = {
    "kafka": {"mode": "external", "external": {"bootstrapServers": "kafka.example.com:9093"}},
    "registry": {"mode": "external", "external": {"url": "https://registry.example.com/apis/ccompat/v7"}},
    "database": {"mode": "external", "external": {"host": "db.example.com", "port": 6432}},
    "search": {"mode": "external", "external": {"hosts": "https://a.example.com:9200,https://b.example.com:9200"}},
    "objectStore": {"mode": "external", "external": {"endpoint": "https://s3.example.com"}},
}
ONE_MACHINE = {
    "tls": {"enabled": False},
    "kafka": {"bundled": {"external": {"enabled": True, "host": "192.0.2.7"}}},
    "objectStore": {"keepDays": 30},
    "models": {"upload": {"hostPath": "/var/lib/ovr-alpr/models", "node": "here"}},
} | {
    server: {"bundled": {"storage": {"hostPath": f"/var/lib/ovr-alpr/{server}", "node": "here"}}}
    for server in ("registry", "database", "search")
}
EVERYTHING = {
    "imageRegistry": "registry.example.com/mirror/",
    "imagePullSecrets": ["mirror"],
    "scheduling": {
        "priorityClassName": "high",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
    },
    "queryApi": {
        "allowedHosts": ["plates.example.com"],
        "config": {"ALPR_API_STATEMENT_TIMEOUT_S": 5},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "hosts": ["plates.example.com"],
            "tls": [{"secretName": "t"}],
        },
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["plates.example.com"]},
        "autoscaling": {"enabled": True},
        "scheduling": {"nodeSelector": {"disk": "any"}},
    },
    "storageConsumer": {"keda": {"enabled": True}, "podLabels": {"team": "video"}, "config": {"RETAIN_PLATES": "365d"}},
    "searchIndexer": {"keda": {"enabled": True}, "env": [{"name": "A", "value": "b"}]},
    "keda": {"sasl": "scram_sha512", "tls": True},
    "prepare": {"migrations": {"engine": "postgres"}, "topics": {"copies": 3}},
    "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
}
BACKUP = {"backup": {"enabled": True, "siteSecrets": True}, "restore": {"from": "newest"}}
BACKUP_OF_OURS = {"enabled": True, "postgresImage": "postgres:17", "storage": {"claim": "mine"}}
STORE = {"destination": "s3://backups/alpr", "endpoint": "https://s3.example.com", "secret": "backups"}
SIZES = ("small", "medium", "large")
AWS = {"objectStore": {"external": {"endpoint": "https://s3.example.com"}}}
SERVERS = ("kafka", "database", "search")
# Every chart of the central tier, by size, by mode, and with everything at once.
CASES: dict[str, tuple[str, str | None, Manifest]] = {
    "central": ("alpr-central", None, {}),
    **{f"central-{size}": ("alpr-central", size, AWS if size == "large" else {}) for size in SIZES},
    **{f"central-{server}-operator": ("alpr-central", None, {server: {"mode": "operator"}}) for server in SERVERS},
    **{f"central-{server}-external": ("alpr-central", None, {server: values}) for server, values in OURS.items()},
    "central-external": ("alpr-central", None, {**OURS, "secrets": {"generate": False}}),
    "central-one-machine": ("alpr-central", "small", ONE_MACHINE),
    "central-backup": ("alpr-central", None, BACKUP),
    "central-backup-one-machine": (
        "alpr-central",
        "small",
        {**ONE_MACHINE, "backup": {"enabled": True, "images": False, "storage": {"hostPath": "/srv/backups"}}},
    ),
    "central-backup-external": (
        "alpr-central",
        None,
        {**OURS, "secrets": {"generate": False}, "backup": BACKUP_OF_OURS, "restore": {"from": "2026-11-29T02-23-00Z"}},
    ),
    "central-backup-operator": (
        "alpr-central",
        None,
        {"database": {"mode": "operator", "operator": {"backup": STORE}}, "backup": {"enabled": True}},
    ),
    "central-medium-plain": ("alpr-central", "medium", {"tls": {"enabled": False}}),
    "central-leaves-nothing": ("alpr-central", None, {"secrets": {"deleteOnUninstall": True}}),
    "services": ("alpr-services", None, {}),
    **{f"services-{size}": ("alpr-services", size, {}) for size in SIZES},
    "services-everything": ("alpr-services", "large", EVERYTHING),
    "services-cloud": ("alpr-services", None, {"connections": {"secrets": {"objectStore": ""}}}),
    "services-one": ("alpr-services", "small", {"queryApi": {"enabled": False}, "searchIndexer": {"enabled": False}}),
    "crds": ("alpr-crds", None, {}),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames and "rendered" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture(scope="session")
def programs() -> Path:
    return binaries()


@pytest.fixture(scope="session")
def schemas() -> list[Path]:
    """Folders of JSON schemas: Kubernetes', ours, and those of other projects that can be had here."""
    return schema_folders(REPOSITORY)


@pytest.fixture(scope="session")
def lua(programs: Path) -> Lua:
    return Lua(programs / "glua")


@pytest.fixture(scope="session")
def helm(programs: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs helm in the repository; its end is the caller's to judge."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(programs / "helm"), *arguments]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory) -> Render:
    """What a chart makes of values, object by object."""
    folder = tmp_path_factory.mktemp("values")

    def rendered(
        chart: str, values: Manifest | None = None, *, release: str = "alpr-operator", hooks: bool = False
    ) -> list[Manifest]:
        path = folder / "values.yaml"
        path.write_text(yaml.safe_dump(values or {}))
        more = [] if hooks else ["--no-hooks"]
        done = helm("template", release, f"helm/{chart}", "--namespace", "alpr-system", "--values", str(path), *more)
        assert done.returncode == 0, done.stderr
        return [found for found in yaml.safe_load_all(done.stdout) if found]

    return rendered


@pytest.fixture(scope="session")
def texts(
    helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What Helm makes of each of CASES, with its hooks, word for word."""
    folder, made = tmp_path_factory.mktemp("cases"), {}
    for name, (chart, size, values) in CASES.items():
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(values))
        sized = ["--values", f"helm/{chart}/values-{size}.yaml"] if size else []
        done = helm("template", "alpr", f"helm/{chart}", "--namespace", "alpr-system", *sized, "--values", str(path))
        assert done.returncode == 0, f"{name}: {done.stderr}"
        made[name] = done.stdout
    return made


@pytest.fixture
def rendered(texts: dict[str, str], case: str) -> list[Manifest]:
    """The objects of one case."""
    return parsed(texts[case])


@cache
def _parsed(text: str) -> list[Manifest]:
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def parsed(text: str) -> list[Manifest]:
    """Objects out of YAML, by libyaml: Python's own parser would take minutes for all of them."""
    return deepcopy(_parsed(text))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with golden/<name>; with --update-golden it writes it."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden", default=False):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == path.read_text(), (
            "if it shall be so: pytest tests/deploy --update-golden, and read the difference"
        )

    return compare
