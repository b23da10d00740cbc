"""Twice a second the pipeline looks at what it is told: other cameras, other models; and says what it has done."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import structlog

from alpr_edge_agent.crashes.marks import Marks
from alpr_edge_agent.outbox import Outbox
from alpr_edge_agent.pipeline.applied import Applied
from alpr_edge_agent.pipeline.engines import EngineRoom
from alpr_edge_agent.pipeline.loop import Pipeline
from alpr_edge_agent.pipeline.observations import Origin
from alpr_edge_agent.pipeline.orders import Orders
from alpr_edge_agent.pipeline.pacer import Pacer
from alpr_edge_agent.pipeline.roster import Roster
from alpr_edge_agent.pipeline.status_writer import StatusWriter
from alpr_schemas.resources import AssignmentSpec

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Shared:
    """What all cameras of one life share.

    Attributes:
        origin: without a camera.
        ranks: by camera, its place in the assignment: who connects first.
    """

    marks: Marks
    outbox: Outbox
    origin: Origin
    pacer: Pacer
    ranks: dict[str, int] = field(default_factory=dict)

    def follow(self, spec: AssignmentSpec) -> None:
        """Connect as `spec` says: so many a second, in its order."""
        self.pacer.set_rate(spec.connect_per_second)
        self.ranks = {camera.name: rank for rank, camera in enumerate(spec.cameras)}


@dataclass(slots=True)
class Steering:
    """The loop's thread calls it."""

    orders: Orders
    room: EngineRoom
    pipeline: Pipeline
    roster: Roster
    shared: Shared
    status: StatusWriter
    _applied: Applied = field(default_factory=Applied)

    def look(self) -> None:
        """Do what changed since the last look."""
        self._swap_models()
        self._change_cameras()

    def _swap_models(self) -> None:
        engines = self.room.changed()
        if engines is None:
            return
        detector, recognizer = engines.detector, engines.recognizer
        self.pipeline.use(detector, recognizer)
        self.shared.origin = replace(
            self.shared.origin, detector_digest=detector.digest, reader_digest=recognizer.digest
        )
        self.status.models = engines.applied
        log.info("models_swapped", models=engines.applied.wire())

    def _change_cameras(self) -> None:
        news = self.orders.changed()
        if news is None:
            self.roster.admit()
        else:
            assignment, logins = news
            self.shared.follow(assignment.spec)
            self.roster.apply({camera.name: camera for camera in assignment.spec.cameras}, logins)
            self._applied.begun(assignment.spec.revision, time.monotonic())
        self.status.applied_revision = self._applied.revision(time.monotonic(), let_go=self.roster.let_go)
