"""Where one machine keeps everything: one folder, so that moving or removing it is one command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alpr_edge_agent.folder import EdgeFolder


@dataclass(frozen=True, slots=True)
class StandaloneFolder:
    """The parts of the data folder."""

    root: Path

    @property
    def edge(self) -> EdgeFolder:
        """What pipeline and agent share."""
        return EdgeFolder(self.root / "edge")

    @property
    def images(self) -> Path:
        """The object store on disk."""
        return self.root / "images"

    @property
    def database(self) -> Path:
        """PostgreSQL's cluster."""
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        """A log a process."""
        return self.root / "logs"

    @property
    def sources(self) -> Path:
        """Manifests that we wrote for the demo or for SOURCE=."""
        return self.root / "sources"

    @property
    def lock(self) -> Path:
        """Held by the one `alpr up` of this folder."""
        return self.root / "lock"

    @property
    def address(self) -> Path:
        """The page's address and the database's, while it runs; mode 0600."""
        return self.root / "running.json"

    def make(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self.root, self.edge.root, self.edge.spool, self.images, self.logs, self.sources):
            folder.mkdir(parents=True, exist_ok=True)
