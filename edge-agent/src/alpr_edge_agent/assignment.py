"""The assignment on disk: what a node starts from before anybody can be asked.

The file is the EdgeAssignment itself as JSON; an annotation holds the digest of its spec, so that a half-written or
bitten copy is known. Three copies are kept: `assignment.json`, `assignment.json.1`, `assignment.json.2`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_schemas.resources import EdgeAssignment

CHECKSUM = "ovr-alpr.io/checksum"
COPIES = 3
log = structlog.get_logger(__name__)


def write_assignment(path: Path, assignment: EdgeAssignment) -> None:
    """Keep `assignment` at `path`, durably, and the ones before it beside it. The same content again writes nothing."""
    data = _sealed(assignment)
    copies = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, COPIES))]
    if path.exists() and path.read_bytes() == data:
        return
    for older, newer in reversed(list(zip(copies[1:], copies, strict=False))):
        if newer.exists():
            write_durably(older, newer.read_bytes())
    write_durably(path, data)


def read_assignment(path: Path) -> EdgeAssignment:
    """The newest copy that is whole. Raises AssignmentUnreadable where there is none."""
    reasons = []
    for copy in (path, *(path.with_name(f"{path.name}.{n}") for n in range(1, COPIES))):
        try:
            assignment = _opened(copy.read_bytes())
        except (OSError, ValueError) as e:
            reasons.append(f"{copy.name}: {_reason(e)}")
            continue
        if reasons:
            log.warning("assignment_from_older_copy", copy=copy.name, reasons=reasons)
        return assignment
    raise AssignmentUnreadable(f"no whole assignment in {path.parent} ({'; '.join(reasons)}); write it anew")


def _sealed(assignment: EdgeAssignment) -> bytes:
    wire = assignment.wire()
    annotations = {**assignment.metadata.annotations, CHECKSUM: _checksum(wire["spec"])}
    wire["metadata"] = {**wire["metadata"], "annotations": annotations}
    return json.dumps(wire, indent=1, sort_keys=True).encode()


def _opened(data: bytes) -> EdgeAssignment:
    assignment = EdgeAssignment.model_validate_json(data)
    if assignment.metadata.annotations.get(CHECKSUM) != _checksum(json.loads(data)["spec"]):
        raise ValueError("its checksum does not fit")
    return assignment


def _checksum(spec: Any) -> str:
    """Of the spec as it stands in the file: a version that knows other fields must not take the file for damaged."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return f"{error.error_count()} fields are wrong"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
