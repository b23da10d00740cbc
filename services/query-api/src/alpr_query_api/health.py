"""The cameras' health, from what the agent and the pipeline of this machine wrote."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from alpr_schemas.resources import EdgeReport
from alpr_schemas.resources.edge import CameraState

STALE_AFTER_S = 30.0


class CameraHealth(BaseModel):
    """One camera.

    Attributes:
        reason: plain words with what to do, where something is wrong.
        since: when `state` began.
        fps: decoded frames a second; it and what follows are null where only the report is there.
        plates: readings since the pipeline began.
        stale: the pipeline has not spoken for half a minute: this is how it was last.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    state: CameraState
    reason: str = ""
    since: datetime
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    plates: int | None = None
    last_frame_at: datetime | None = None
    last_read_at: datetime | None = None
    stale: bool = False


class Health(BaseModel):
    """All cameras; `problems` are those of the pipeline itself."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    count: int = 0
    updated_at: datetime | None = None
    problems: tuple[str, ...] = ()
    cameras: tuple[CameraHealth, ...] = ()


class HealthSource(Protocol):
    """Where the health of cameras comes from."""

    def read(self) -> Health:
        """The cameras as they were said last; none where nobody spoke yet. Does not raise."""


class FileHealth:
    """Reads the pipeline's status, which has figures, and the agent's EdgeReport for what it lacks."""

    def __init__(self, status: Path | None, report: Path | None, wall_clock: Callable[[], float] = time.time) -> None:
        self._status, self._report, self._wall_clock = status, report, wall_clock

    def read(self) -> Health:
        """As `HealthSource.read`."""
        status = self._from_status()
        known = {camera.name for camera in status.cameras}
        others = tuple(camera for camera in self._from_report() if camera.name not in known)
        cameras = tuple(sorted((*status.cameras, *others), key=lambda camera: camera.name))
        return status.model_copy(update={"cameras": cameras, "count": len(cameras)})

    def _from_status(self) -> Health:
        if self._status is None:
            return Health()
        try:
            health = Health.model_validate_json(self._status.read_bytes())
            silent_s = self._wall_clock() - self._status.stat().st_mtime
        except (OSError, ValidationError):
            return Health()
        if silent_s <= STALE_AFTER_S:
            return health
        stale = tuple(camera.model_copy(update={"stale": True}) for camera in health.cameras)
        return health.model_copy(update={"cameras": stale})

    def _from_report(self) -> tuple[CameraHealth, ...]:
        if self._report is None:
            return ()
        try:
            report = EdgeReport.model_validate_json(self._report.read_bytes())
        except (OSError, ValidationError):
            return ()
        return tuple(
            CameraHealth(name=c.name, state=c.state, reason=c.reason, since=c.since) for c in report.status.cameras
        )
