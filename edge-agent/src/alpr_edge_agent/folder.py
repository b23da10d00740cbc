"""Where a node keeps its things: one folder, each file named once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EdgeFolder:
    """The files that agent and pipeline meet over."""

    root: Path

    @property
    def assignment(self) -> Path:
        """What the node shall do; written by the agent or by standalone, read by both processes."""
        return self.root / "assignment.json"

    @property
    def credentials(self) -> Path:
        """Users and passwords of the cameras, mode 0600: {camera: {username, password}}."""
        return self.root / "credentials.json"

    @property
    def status(self) -> Path:
        """What the pipeline does; written by it."""
        return self.root / "pipeline-status.json"

    @property
    def report(self) -> Path:
        """The EdgeReport; written by the agent."""
        return self.root / "report.json"

    @property
    def outbox(self) -> Path:
        """Events that wait for delivery."""
        return self.root / "outbox.db"

    @property
    def spool(self) -> Path:
        """Pictures that wait for delivery."""
        return self.root / "spool"

    @property
    def marks(self) -> Path:
        """Which cameras stand inside a native call right now."""
        return self.root / "marks"

    @property
    def crashes(self) -> Path:
        """Which cameras were charged with crashes of the pipeline."""
        return self.root / "crashes.json"

    @property
    def faults(self) -> Path:
        """Where the interpreter writes when native code kills the process."""
        return self.root / "faults.log"

    @property
    def clips(self) -> Path:
        """When each clip begins, by content digest."""
        return self.root / "clips.json"

    @property
    def node_key(self) -> Path:
        """The node's private X25519 key, mode 0600; camera credentials are sealed to it."""
        return self.root / "node.key"

    @property
    def trials(self) -> Path:
        """What models were measured to read and to cost, and on what hardware."""
        return self.root / "trials.json"

    @property
    def models(self) -> Path:
        """Models by digest, and which of them the pipeline shall run."""
        return self.root / "models"

    @property
    def contact(self) -> Path:
        """When the agent last reached the API server."""
        return self.root / "contact.json"

    @property
    def read_record(self) -> Path:
        """How many vehicle passes were read under the models that run, and under those before."""
        return self.root / "read-record.json"
