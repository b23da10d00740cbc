"""The guides' commands: each is run here, on a real API server where it wants one, or stands in NEEDS with the reason."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_testing.control_plane import ControlPlane, running_control_plane

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
REPOSITORY = Path(__file__).parents[2]
GUIDES = ("install-jetson", "one-machine")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_A_BOARD = "a Jetson"
_ROOT = "root, and a machine that may be changed"
_K3S = "a node with K3s"
_PODS = "nodes that run pods"
# The beginning of a block, and what it needs that this machine has not.
NEEDS = {
    "install-jetson": {
        "cat /etc/nv_tegra_release": _A_BOARD,
        "sudo hostnamectl": _ROOT,
        "printf 'br_netfilter": _ROOT,
        "sudo mkdir -p /etc/rancher/k3s\n": _ROOT,
        "curl -sfL https://get.k3s.io | sudo INSTALL_K3S_VERSION=v1.34.4+k3s1 sh": _K3S,
        "curl -sfL https://get.k3s.io | sudo INSTALL_K3S_VERSION=v1.34.4+k3s1 K3S_URL": _K3S,
        "sudo mkdir -p /var/lib/rancher": _K3S,
        "sudo tee /etc/rancher/k3s/registries.yaml": _K3S,
        "sudo grep nvidia": _K3S,
        "helm install alpr-central": _PODS + ": the charts wait for their first steps",
        "kubectl exec": _PODS,
        "kubectl port-forward": _PODS,
        "kubectl apply --kustomize": "the CRD of system-upgrade-controller; its Plans are judged by test_plans_are_valid",
    },
    "one-machine": {
        "sudo apt-get": _ROOT,
        "sudo make": _ROOT,
        ".venv/bin/alpr doctor -f": "the camera at 192.0.2.10, an address for documentation",
        "sudo install": _ROOT + "; test_systemd_unit.py judges the unit and runs its command",
        "curl -s http://127.0.0.1:8000": "the service of the step before",
        "sudo -u ovr-alpr": "the service of the step before",
    },
}
ANSWERS = {".venv/bin/alpr doctor", "sudo .venv/bin/alpr doctor --node"}  # what they find is this machine's affair


def blocks(guide: str, language: str = "sh") -> list[str]:
    text = (REPOSITORY / "docs" / f"{guide}.md").read_text()
    return [found[2] for found in _BLOCK.finditer(text) if found[1] == language]


def needs(guide: str, block: str) -> str | None:
    return next((reason for begin, reason in NEEDS[guide].items() if block.startswith(begin)), None)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of our own, as empty as a cluster is before the guide's first step."""
    with running_control_plane(tmp_path_factory.mktemp("plane"), crds=False, audits=False) as running:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gate-1"}}
        running.kubectl("apply", "-f", "-", stdin=json.dumps(node))
        yield running


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which the repository's files are found as the guides name them, and others may be written."""
    for path in REPOSITORY.iterdir():
        if path.name not in {"site", "models", "alpr-data"}:
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.fixture
def shell(checkout: Path, plane: ControlPlane) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs a block as a person pastes it; `sudo` means nothing here."""
    tools = checkout / "sudo-here"
    tools.mkdir()
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "sudo").chmod(0o755)
    path = f"{tools}:{Path(sys.executable).parent}:{plane.programs}:{os.environ['PATH']}"
    home = {"HELM_CACHE_HOME": f"{checkout}/helm-cache", "HELM_CONFIG_HOME": f"{checkout}/helm-config"}
    environment = {**os.environ, **home, "PATH": path, "KUBECONFIG": str(plane.kubeconfig)}

    def run(block: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=checkout, env=environment, capture_output=True, text=True,
            check=False, stdin=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("guide", GUIDES)
def test_commands_of_the_guide_do_what_it_says(
    guide: str, shell: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    ran = []
    for block in blocks(guide):
        if needs(guide, block):
            continue
        done = shell(block)
        allowed = {0, 1} if block.strip() in ANSWERS else {0}
        assert done.returncode in allowed, f"{block}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        ran.append(block.splitlines()[0])
    assert len(ran) >= {"install-jetson": 10, "one-machine": 2}[guide], ran


@pytest.mark.parametrize("guide", GUIDES)
def test_what_is_not_run_here_is_listed_with_its_reason_and_nothing_else_is(guide: str) -> None:
    found = blocks(guide)
    for begin in NEEDS[guide]:
        assert any(block.startswith(begin) for block in found), f"{begin!r} stands in no block of docs/{guide}.md"
    for block in found:
        assert sum(block.startswith(begin) for begin in NEEDS[guide]) <= 1
        if "sudo" in block and block.strip() not in ANSWERS:
            assert needs(guide, block), f"changes the machine, and is not listed: {block}"


@pytest.mark.parametrize("guide", GUIDES)
def test_every_block_is_sound_shell(guide: str) -> None:
    for block in blocks(guide):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_configuration_files_of_k3s_are_yaml() -> None:
    written = [
        told
        for block in blocks("install-jetson")
        for told in re.findall(r"<<'END'\n(.*?)^END$", block, re.MULTILINE | re.DOTALL)
    ]
    config, registries, _ = [yaml.safe_load(text) for text in written]
    assert config["node-label"] == ["ovr-alpr.io/site=north-gate", "ovr-alpr.io/node-class=jetson-orin-nx"]
    assert registries["mirrors"]["docker.io"]["endpoint"]


def test_links_of_the_guides_lead_somewhere() -> None:
    for guide in GUIDES:
        text = (REPOSITORY / "docs" / f"{guide}.md").read_text()
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (REPOSITORY / "docs" / target).exists(), target
        for path in re.findall(r"`((?:docs|tests|services|helm|tools|kustomize)/[\w./-]+)`", text):
            assert (REPOSITORY / path).exists(), path


# --- the Plans


def plans(programs: Path) -> tuple[str, list[dict[str, Any]]]:
    command = [str(programs / "kustomize"), "build", str(REPOSITORY / "docs" / "examples" / "k3s-upgrade")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return text, list(yaml.safe_load_all(text))


def judged(programs: Path, text: str) -> subprocess.CompletedProcess[str]:
    schema = REPOSITORY / "tests" / "deploy" / "plan-v1.schema.json"
    command = [str(programs / "kubeconform"), "-strict", "-schema-location", str(schema), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_plans_are_valid(programs: Path) -> None:
    text, _ = plans(programs)
    done = judged(programs, text)
    assert done.returncode == 0, done.stdout
    wrong = judged(programs, text.replace("exclusive:", "exclusiv:"))
    assert wrong.returncode == 1
    assert "exclusiv" in wrong.stdout


def test_plans_take_one_node_at_a_time_at_night_and_drain_none(programs: Path) -> None:
    _, found = plans(programs)
    specs = {plan["metadata"]["name"]: plan["spec"] for plan in found}
    assert set(specs) == {"k3s-servers", "k3s-agents"}
    for spec in specs.values():
        assert (spec["concurrency"], spec["exclusive"], spec["cordon"]) == (1, True, True)
        assert "drain" not in spec
        assert spec["window"]["startTime"] < spec["window"]["endTime"]
        assert spec["window"]["timeZone"] == "Europe/Berlin"
        assert {"key": "ovr-alpr.io/edge", "operator": "Exists"} in spec["tolerations"]
    assert specs["k3s-agents"]["prepare"]["args"] == ["prepare", "k3s-servers"]
