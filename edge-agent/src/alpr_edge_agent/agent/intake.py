"""What becomes of an assignment that arrives: kept on disk if it can be understood, or said why not.

The pipeline reads the disk only, so what is kept here is what is served, also after a restart without a network.
An assignment that was deleted means: serve no camera. The revision that is acknowledged falls to 0 then, because the
next assignment counts its own anew.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError

from alpr_edge_agent.agent.credentials import CredentialKeeper, secret_names
from alpr_edge_agent.assignment import read_assignment, write_assignment
from alpr_edge_agent.durable import sweep_leftovers
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.folder import EdgeFolder
from alpr_schemas.resources import Condition, EdgeAssignment

SCHEMA = 1
WITHDRAWN = "ovr-alpr.io/withdrawn"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the newest assignment was not taken; the one before it stays in force."""

    reason: str
    message: str


class Intake:
    """Keeps a node's assignment; any thread may call it, calls block for the disk."""

    def __init__(self, folder: EdgeFolder, credentials: CredentialKeeper) -> None:
        self._folder = folder
        self.credentials = credentials
        self._refusal: Refusal | None = None
        self._lock = threading.Lock()

    @property
    def condition(self) -> Condition:
        """Whether the newest assignment is the one in force."""
        refusal = self._refusal
        if refusal is None:
            return Condition(type="AssignmentAccepted", status="True", reason="Accepted")
        return Condition(type="AssignmentAccepted", status="False", reason=refusal.reason, message=refusal.message)

    def recover(self) -> None:
        """After a start: bring the credentials in line with the assignment on disk; a full disk is only said."""
        try:
            sweep_leftovers(self._folder.root)
            self.credentials.refresh()
        except OSError as e:
            log.warning("credentials_not_written", error=e.strerror)

    @staticmethod
    def secrets_of(raw: dict[str, Any]) -> frozenset[str]:
        """The Secrets that must be read for what arrived."""
        try:
            return secret_names(understood(raw))
        except _Refused:
            return frozenset()

    def secrets_in_force(self) -> frozenset[str]:
        """The Secrets that must be read for the assignment in force."""
        try:
            return secret_names(read_assignment(self._folder.assignment))
        except AssignmentUnreadable:
            return frozenset()

    def take(self, raw: dict[str, Any]) -> EdgeAssignment | None:
        """Keep what arrived; None where it was refused."""
        with self._lock:
            try:
                assignment = understood(raw)
                self.credentials.prepare(assignment)
                write_assignment(self._folder.assignment, assignment)
                self.credentials.refresh()
            except _Refused as e:
                self._refuse(e.refusal)
                return None
            except OSError as e:
                self._refuse(Refusal("NotKept", f"the disk took no assignment ({e.strerror}); free some space"))
                return None
            self._refusal = None
            log.info("assignment_taken", revision=assignment.spec.revision, cameras=len(assignment.spec.cameras))
            return assignment

    def withdraw(self) -> None:
        """The assignment is gone: from now on this node serves no camera, also after a restart."""
        with self._lock:
            try:
                kept = read_assignment(self._folder.assignment)
            except AssignmentUnreadable:
                return
            if withdrawn(kept):
                return
            metadata = kept.metadata.model_copy(update={"annotations": {WITHDRAWN: "true"}})
            spec = kept.spec.model_copy(update={"cameras": (), "released": ()})
            try:
                write_assignment(self._folder.assignment, EdgeAssignment(metadata=metadata, spec=spec))
                self.credentials.refresh()
            except OSError as e:
                self._refuse(Refusal("NotKept", f"the disk took no withdrawal ({e.strerror}); free some space"))
                return
            self._refusal = None
            log.warning("assignment_withdrawn", revision=kept.spec.revision, cameras=len(kept.spec.cameras))

    def _refuse(self, refusal: Refusal) -> None:
        if refusal != self._refusal:
            log.error("assignment_refused", reason=refusal.reason, message=refusal.message)
        self._refusal = refusal


def withdrawn(assignment: EdgeAssignment) -> bool:
    """Whether this is what was left when the assignment was deleted."""
    return WITHDRAWN in assignment.metadata.annotations


class _Refused(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(reason, message)


def understood(raw: dict[str, Any]) -> EdgeAssignment:
    """`raw` as an assignment. Raises _Refused for a newer schema and for one that is not valid."""
    schema = (raw.get("spec") or {}).get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise _Refused(
            "UnsupportedSchema",
            f"the assignment has schema {schema}, this agent knows {SCHEMA}: update the agent's image; the assignment"
            " before it stays in force",
        )
    try:
        assignment = EdgeAssignment.model_validate(raw)
    except ValidationError as e:
        where = ".".join(str(part) for part in e.errors(include_input=False)[0]["loc"])
        raise _Refused("Invalid", f"{where} of the assignment is not valid; the one before it stays in force") from None
    annotations = {k: v for k, v in assignment.metadata.annotations.items() if k != WITHDRAWN}
    return assignment.model_copy(
        update={"metadata": assignment.metadata.model_copy(update={"annotations": annotations})}
    )
