"""`alpr doctor` as a person runs it: a process of its own on this machine, real cameras, real servers on the way out."""

from __future__ import annotations

import json
import os
import platform
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from alpr_edge_agent.doctor.look.folder import kind_of
from alpr_edge_agent.doctor.look.sinks import look_at_sinks
from alpr_edge_agent.doctor.rules.connections import sinks as judged
from alpr_edge_agent.outbox import schema
from alpr_simulator.clip import render
from alpr_simulator.scene import Scene
from alpr_testing.control_plane import ControlPlane
from alpr_testing.ports import free_port
from alpr_testing.rtsp import RtspServer, Stream

pytestmark = pytest.mark.integration
PASSWORD = "hunter2-Qz"
MEMORY = Path("/dev/shm")  # noqa: S108 - memory is what we want
SINKS = ("KAFKA_", "SCHEMA_REGISTRY_", "ALPR_AGENT_", "SSL_CERT_FILE")
Findings = dict[tuple[str, str], dict[str, str]]


def doctor(*words: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SINKS)}
    command = [sys.executable, "-m", "alpr_cli", "doctor", *map(str, words)]
    return subprocess.run(command, env={**kept, **(env or {})}, capture_output=True, text=True, check=False, timeout=90)


def found(done: subprocess.CompletedProcess[str]) -> Findings:
    told = json.loads(done.stdout)["findings"]
    return {(one["group"], one["check"]): one for one in told}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    render(Scene(seed=3, seconds=2, fps=10, width=640, height=360, occupancy=0.5, vehicles=1, hardship=0.0), path)
    return path


def test_it_tells_people_of_this_machine(tmp_path: Path) -> None:
    done = doctor("--data", tmp_path / "alpr-data", "--no-node")
    assert done.returncode in {0, 1}, done.stderr
    for word in ("Python", "memory", "fsync", "ONNX Runtime", "not checked"):
        assert word in done.stdout
    assert done.stderr == ""
    assert (done.returncode == 1) == (" 0 problems" not in f" {done.stdout.splitlines()[-1]}")
    assert list(tmp_path.iterdir()) == []


def test_its_help_shows_how_to_use_it() -> None:
    told = doctor("--help").stdout
    for word in ("--sinks", "--node", "--camera", "Ends with 1", "alpr doctor -f sites/"):
        assert word in told


def test_an_outbox_is_told_of(tmp_path: Path) -> None:
    with closing(schema.connect(tmp_path / "edge" / "outbox.db")):
        told = found(doctor("--data", tmp_path, "--no-node", "--format", "json"))
    assert told["data folder", "waiting"]["seen"].startswith("0 events, 0 pictures")
    assert told["data folder", "outbox"]["level"] == "ok"


def test_a_folder_in_memory_is_a_problem() -> None:
    if kind_of(MEMORY) != "tmpfs":
        pytest.skip(f"{MEMORY} is no tmpfs here")
    done = doctor("--data", MEMORY / "alpr-data", "--no-node", "--format", "json")
    assert done.returncode == 1
    told = found(done)["data folder", "file system"]
    assert told["level"] == "problem"
    assert "tmpfs" in told["seen"]
    assert "--data" in told["advice"]


def test_a_port_that_is_taken_is_told_of(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", 8001))
            holder.listen()
        except OSError:
            pass  # somebody else holds it: as good
        told = found(doctor("--data", tmp_path, "--no-node", "--format", "json"))
    assert told["machine", "port 8001"]["level"] == "warning"


def manifests(folder: Path, sources: dict[str, str]) -> Path:
    site = "apiVersion: ovr-alpr.io/v1alpha1\nkind: AlprSite\nmetadata: {name: north}\nspec: {siteId: north}\n"
    secret = (
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\nstringData: {{username: jo, password: {PASSWORD}}}\n"
    )
    cameras = [
        f"apiVersion: ovr-alpr.io/v1alpha1\nkind: Camera\nmetadata: {{name: {name}}}\n"
        f"spec:\n  siteRef: {{name: north}}\n  source: {{{source}, credentialsSecretRef: {{name: login}}}}\n"
        for name, source in sources.items()
    ]
    path = folder / "site.yaml"
    path.write_text("---\n".join([site, secret, *cameras]))
    path.chmod(0o600)
    return path


def test_cameras_are_opened_as_the_pipeline_opens_them(tmp_path: Path, clip: Path) -> None:
    with RtspServer.start(
        {"/good": Stream(clip), "/shut": Stream(clip)}, users={"jo": "another"}, closed=["/shut"]
    ) as server:
        at = f"protocol: rtsp, url: 'rtsp://127.0.0.1:{server.port}"
        nobody = f"protocol: rtsp, url: 'rtsp://127.0.0.1:{free_port()}/x'"
        path = manifests(tmp_path, {"good": f"{at}/good'", "shut": f"{at}/shut'", "nobody": nobody})
        done = doctor("--data", tmp_path, "--no-node", "-f", path, "--camera", clip, "--format", "json")
    told = found(done)
    assert done.returncode == 1
    assert PASSWORD not in done.stdout + done.stderr
    assert told["cameras", "good"]["level"] == "ok", told["cameras", "good"]
    assert "640x360" in told["cameras", "good"]["seen"]
    assert "401" in told["cameras", "shut"]["seen"]
    assert "nobody listens" in told["cameras", "nobody"]["seen"]
    assert told["cameras", "camera"]["level"] == "ok"


def test_manifests_that_are_wrong_end_with_their_problem(tmp_path: Path) -> None:
    done = doctor("-f", tmp_path / "nowhere.yaml", "--no-node", "--data", tmp_path)
    assert done.returncode == 1
    assert "nowhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_in_a_pod_it_says_what_it_cannot_see(tmp_path: Path) -> None:
    env = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "ALPR_MODELS_DIR": str(tmp_path / "models")}
    told = found(doctor("--data", tmp_path, "--format", "json", env=env))
    assert told["machine", "ports"]["level"] == "not checked"
    assert "sudo alpr doctor --node" in told["node", "host"]["advice"]


def test_a_node_is_looked_up_in_its_cluster(tmp_path: Path, control_plane: ControlPlane) -> None:
    name = platform.node().lower()
    labels = {"ovr-alpr.io/site": "north"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
    path = f"{control_plane.programs}:{os.environ['PATH']}"
    words = ("--data", tmp_path, "--node", "--format", "json")
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(node))
    try:
        told = found(doctor(*words, env={"KUBECONFIG": str(control_plane.kubeconfig), "PATH": path}))
    finally:
        control_plane.kubectl("delete", "node", name)
    assert told["node", "ovr-alpr.io/site"] == {
        "level": "ok", "group": "node", "check": "ovr-alpr.io/site", "seen": "north", "advice": "",
    }  # fmt: skip
    assert f"kubectl label node {name}" in told["node", "ovr-alpr.io/node-class"]["advice"]
    told = found(doctor(*words, env={"KUBECONFIG": str(tmp_path / "none"), "PATH": path}))
    assert "no API server answers" in told["node", "labels"]["seen"]


# --- the way out


@contextmanager
def tls_server(certificate: Path, key: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, context), daemon=True).start()
        yield int(listener.getsockname()[1])


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        with line:
            try:
                context.wrap_socket(line, server_side=True).close()
            except OSError:
                continue


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    pair = folder / "server.crt", folder / "server.key"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", names, "-out", str(pair[0]), "-keyout", str(pair[1])]
    subprocess.run(command, check=True, capture_output=True)
    return pair


def sinks(tmp_path: Path, env: dict[str, str]) -> tuple[Findings, str]:
    done = doctor("--data", tmp_path, "--no-node", "--sinks", "--format", "json", env=env)
    return {key: one for key, one in found(done).items() if key[0] == "sinks"}, done.stdout


def test_servers_with_good_certificates_are_fine(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    with tls_server(*certificate) as port:
        told, text = sinks(
            tmp_path,
            {
                "KAFKA_BOOTSTRAP_SERVERS": f"localhost:{port},127.0.0.1:{port}",
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "KAFKA_SASL_USERNAME": "agents",
                "KAFKA_SASL_PASSWORD": PASSWORD,
                "KAFKA_SSL_CA_FILE": str(certificate[0]),
                "SCHEMA_REGISTRY_URL": f"https://localhost:{port}/apis/ccompat/v7",
                "SCHEMA_REGISTRY_CA_FILE": str(certificate[0]),
                "ALPR_AGENT_IMAGES_URL": "s3://alpr-images",
                "ALPR_AGENT_IMAGES_ENDPOINT": f"https://localhost:{port}",
                "SSL_CERT_FILE": str(certificate[0]),
            },
        )
    assert {one["level"] for one in told.values()} == {"ok"}, told
    assert len(told) == 4
    assert PASSWORD not in text


def failing(port: int, closed: int, wrong: Path) -> dict[str, Any]:
    registry, kafka = "SCHEMA_REGISTRY_URL", "KAFKA_BOOTSTRAP_SERVERS"
    return {
        "name": ({kafka: "kafka.invalid:9092"}, "fails at its name"),
        "connection": ({kafka: f"127.0.0.1:{closed}"}, "fails at its connection: Connection refused"),
        "certificate": ({registry: f"https://localhost:{port}"}, "fails at its TLS: self-signed certificate"),
        "no certificate": (
            {registry: f"https://localhost:{port}", "SCHEMA_REGISTRY_CA_FILE": str(wrong)},
            "fails at its settings",
        ),
        "address": ({registry: "localhost"}, "no http:// or https:// address"),
        "port": ({kafka: "kafka"}, "'kafka' is no host:port"),
        "password": ({kafka: "localhost:1", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "wants KAFKA_SASL_USERNAME"),
        "endpoint": (
            {"ALPR_AGENT_IMAGES_URL": "s3://a", "ALPR_AGENT_IMAGES_ENDPOINT": f"https://jo:{PASSWORD}@h"},
            "holds a user, a password",
        ),
    }


@pytest.mark.parametrize("case", failing(0, 0, Path()))
def test_the_stage_that_fails_is_named(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    for name in [name for name in os.environ if name.startswith(SINKS)]:
        monkeypatch.delenv(name)
    with tls_server(*certificate) as port:
        env, said = failing(port, free_port(), tmp_path / "none.crt")[case]
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        told = list(judged(look_at_sinks()))
    (problem,) = [one for one in told if one.level == "problem"]
    assert said in problem.seen
    assert problem.advice
    assert PASSWORD not in repr(told)
