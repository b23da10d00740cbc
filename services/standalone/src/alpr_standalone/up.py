"""`alpr up`: PostgreSQL, pipeline, agent and API in one process group, until it is asked to end."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event as StopFlag

import structlog

from alpr_edge_agent.agent.run import current_status
from alpr_edge_agent.assignment import read_assignment, write_assignment
from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_schemas.import_cameras import resource_name
from alpr_schemas.manifests import Manifests, read_manifests
from alpr_schemas.resources import CameraState, EdgeAssignment
from alpr_standalone.database import EmbeddedPostgres
from alpr_standalone.desired import assignment_of, credentials_of, missing_files
from alpr_standalone.errors import Unusable
from alpr_standalone.folder import StandaloneFolder
from alpr_standalone.processes import Part, stop_all

LOOK_EVERY_S = 0.2
READY_WITHIN_S = 60.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UpSettings:
    """What `alpr up` is told.

    Attributes:
        manifests: files and folders with AlprSite, Camera and Secret documents.
        once: read every file source to its end, deliver all, and end.
        metrics_port: of the pipeline; 0 switches it off.
    """

    folder: StandaloneFolder
    manifests: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    metrics_port: int = 8001
    once: bool = False


@contextmanager
def only_one(folder: StandaloneFolder) -> Iterator[None]:
    """Hold the folder's lock. Raises Unusable where another `alpr up` holds it."""
    with folder.lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            raise Unusable(f"another alpr up runs on {folder.root}; stop it, or choose another --data folder") from e
        yield


def check_port(host: str, port: int) -> None:
    """Raises Unusable where `host:port` cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as e:
            reason = "is taken by another program" if e.errno == 98 else f"cannot be used ({e.strerror})"
            raise Unusable(f"--port: {host}:{port} {reason}; choose another with --port") from e


def apply_manifests(folder: StandaloneFolder, paths: Sequence[Path]) -> tuple[Manifests, EdgeAssignment]:
    """Write assignment and credentials from the manifests. Raises ManifestError or Unusable; then nothing changes."""
    manifests = read_manifests(paths)
    assignment = assignment_of(manifests, node_name(), _before(folder))
    for line in missing_files(manifests):
        log.warning("source_missing", reason=line)
    write_durably(folder.edge.credentials, credentials_of(manifests), mode=0o600)
    write_assignment(folder.edge.assignment, assignment)
    return manifests, assignment


def _before(folder: StandaloneFolder) -> EdgeAssignment | None:
    with suppress(AssignmentUnreadable):
        return read_assignment(folder.edge.assignment)
    return None


def node_name() -> str:
    """This machine's name as a resource name."""
    return resource_name(platform.node()) or "localhost"


def parts(settings: UpSettings, dsn: str) -> list[Part]:
    """The processes beside PostgreSQL, in the order of a drain: who makes events ends first."""
    folder = settings.folder
    images = f"file://{folder.images}"
    python = sys.executable
    pipeline = [python, "-m", "alpr_edge_agent", "pipeline", "--data", str(folder.edge.root)]
    pipeline += ["--metrics-port", str(settings.metrics_port), *(["--once"] if settings.once else [])]
    agent = {"ALPR_AGENT_EDGE_FOLDER": str(folder.edge.root), "ALPR_AGENT_DATABASE_URL": dsn,
             "ALPR_AGENT_IMAGES_URL": images}  # fmt: skip
    api = {
        "ALPR_API_HOST": settings.host,
        "ALPR_API_PORT": str(settings.port),
        "ALPR_API_DATABASE_URL": dsn,
        "ALPR_API_IMAGES_URL": images,
        "ALPR_API_REPORT_PATH": str(folder.edge.report),
        "ALPR_API_PIPELINE_STATUS_PATH": str(folder.edge.status),
    }
    return [
        Part("pipeline", pipeline, folder.logs / "pipeline.log", ends=settings.once),
        Part("agent", [python, "-m", "alpr_standalone.delivery"], folder.logs / "agent.log", agent),
        Part("api", [python, "-m", "alpr_query_api"], folder.logs / "api.log", api),
    ]


@contextmanager
def running(settings: UpSettings, database: EmbeddedPostgres) -> Iterator[list[Part]]:
    """All parts started; on the way out drained and stopped, PostgreSQL last (by its owner)."""
    group = parts(settings, database.dsn)
    settings.folder.edge.status.unlink(missing_ok=True)
    write_durably(settings.folder.address, _address(settings, database.dsn), mode=0o600)
    try:
        for part in group:
            part.start()
        yield group
    finally:
        stop_all(group[:1])
        _drain(settings.folder)
        stop_all(group[1:])
        settings.folder.address.unlink(missing_ok=True)


def _address(settings: UpSettings, dsn: str) -> bytes:
    return json.dumps({"url": page_address(settings), "database_url": dsn, "pid": os.getpid()}).encode()


def page_address(settings: UpSettings) -> str:
    """Where a person finds the page."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _drain(folder: StandaloneFolder, within_s: float = 3.0) -> None:
    """Give the agent a moment for what the pipeline brought last; what is left waits in the outbox."""
    deadline = time.monotonic() + within_s
    while waiting(folder) and time.monotonic() < deadline:
        time.sleep(0.05)


def waiting(folder: StandaloneFolder) -> int:
    """Events and pictures that are not delivered yet."""
    if not folder.edge.outbox.exists():
        return 0
    reader = OutboxReader(folder.edge.outbox)
    try:
        backlog = reader.backlog()
    finally:
        reader.close()
    return backlog.events + backlog.images


def watch(settings: UpSettings, database: EmbeddedPostgres, group: Sequence[Part], stop: StopFlag) -> Iterator[None]:
    """Keep all parts alive, a turn every 0.2 s, until `stop`, or with --once until all is read and delivered."""
    while not stop.is_set():
        if not database.alive():
            log.warning("database_died")
            database.start()
        for part in group:
            part.look()
        if settings.once and group[0].done and not waiting(settings.folder):
            return
        yield
        stop.wait(LOOK_EVERY_S)


def remarks(folder: StandaloneFolder) -> tuple[list[str], bool]:
    """A line for each camera that the pipeline had something to say of, and whether any of them failed altogether."""
    status = current_status(folder.edge)
    told = [camera for camera in status.cameras if camera.reason] if status else []
    bad = (CameraState.FAILED, CameraState.AUTH_FAILED, CameraState.QUARANTINED)
    return [f"{c.name}: {c.state.value}: {c.reason}" for c in told], any(c.state in bad for c in told)
