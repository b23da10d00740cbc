"""The ledger of crashes on disk, and the charge that a new process makes for the one that died."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import structlog
from pydantic import ValidationError

from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.crashes import quarantine
from alpr_edge_agent.crashes.faults import last_fault
from alpr_edge_agent.crashes.marks import read_marks
from alpr_edge_agent.crashes.quarantine import Ledger
from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.orders import read_logins
from alpr_edge_agent.sources import Login
from alpr_schemas.resources import AssignedCamera

log = structlog.get_logger(__name__)


def charge_last_crash(folder: EdgeFolder, now: float | None = None) -> tuple[str, ...]:
    """Charge the cameras that were marked when the process before this one crashed; who they were."""
    fault = last_fault(folder.faults)
    if fault is None:
        return ()
    ledger = read_ledger(folder.crashes)
    guilty = quarantine.culprits(read_marks(folder.marks), fault.thread, ledger.on_probation)
    log.error("pipeline_crashed", what=fault.what, charged=guilty)
    write_ledger(
        folder.crashes, quarantine.charged(ledger, guilty, _fingerprints(folder), time.time() if now is None else now)
    )
    return guilty


def _fingerprints(folder: EdgeFolder) -> dict[str, str]:
    try:
        assignment = read_assignment(folder.assignment)
        logins = read_logins(folder.credentials)
    except (AssignmentUnreadable, ValueError):
        return {}
    return {camera.name: fingerprint(camera, logins.get(camera.name)) for camera in assignment.spec.cameras}


def fingerprint(camera: AssignedCamera, login: Login | None) -> str:
    """Of all that makes a camera behave as it does, in hexadecimal; passwords go in hashed."""
    secret = f"{login.username}\0{login.password}" if login else ""
    facts = json.dumps([camera.config.wire(), camera.epoch], sort_keys=True)
    return hashlib.sha256(f"{facts}\0{secret}".encode()).hexdigest()


def read_ledger(path: Path) -> Ledger:
    """The ledger at `path`; an empty one where there is none that can be read."""
    try:
        return Ledger.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return Ledger()


def write_ledger(path: Path, ledger: Ledger) -> None:
    """Keep `ledger`; a disk that is full loses the memory of crashes, not the cameras."""
    try:
        write_durably(path, ledger.model_dump_json().encode())
    except OSError as e:
        log.warning("ledger_not_written", error=e.strerror)
