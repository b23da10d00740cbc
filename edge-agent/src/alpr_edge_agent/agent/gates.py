"""What rollouts look at, from what the pipeline counts: in coarse steps, so that equal facts are equal bytes. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from alpr_edge_agent.pipeline.status import CameraHealth, PipelineStatus
from alpr_schemas.resources import CameraState, ReportedGates

STEP = 0.05
WINDOW_S = 60.0
LEAST_PASSES = 20
_WELL = {CameraState.STREAMING, CameraState.ENDED}


def coarse(value: float | None, before: float | None) -> float | None:
    """`value` to the nearest step; `before` stays where the value is within three quarters of a step of it."""
    if value is None:
        return None
    if before is not None and abs(value - before) <= 0.75 * STEP:
        return before
    return min(1.0, max(0.0, round(round(value / STEP) * STEP, 2)))


class ReadRecord(BaseModel):
    """How many vehicle passes were read under the running models, and the share under those before; kept on disk.

    Attributes:
        models: the digests that the counts are of.
        before: the share of read passes under the models before, where enough passes were seen.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    models: tuple[str, ...] = ()
    passes: int = Field(default=0, ge=0)
    read: int = Field(default=0, ge=0)
    before: float | None = None

    @property
    def share(self) -> float | None:
        """Read passes of all, under the running models; None before there are enough."""
        return self.read / self.passes if self.passes >= LEAST_PASSES else None

    @property
    def ratio(self) -> float | None:
        """That share to the one before, at most 1; None before both are known."""
        if self.share is None or not self.before:
            return None
        return min(1.0, self.share / self.before)

    def counted(self, models: tuple[str, ...], passes: int, read: int) -> ReadRecord:
        """With so many more passes, under `models`."""
        record = self
        if models != self.models:
            record = ReadRecord(models=models, before=self.share if self.share is not None else self.before)
        return record.model_copy(update={"passes": record.passes + passes, "read": record.read + read})


@dataclass(frozen=True, slots=True)
class _Counts:
    at_s: float
    decoded: int
    dropped: int


@dataclass(slots=True)
class GateMeter:
    """Watches the pipeline's status over time; one thread calls it.

    Attributes:
        max_fps: frames a second of a camera that are asked for; 0 for all.
    """

    max_fps: float
    record: ReadRecord = field(default_factory=ReadRecord)
    _pid: int = 0
    _seen: tuple[int, int] = (0, 0)
    _window: deque[_Counts] = field(default_factory=deque)
    _last: ReportedGates = field(default_factory=ReportedGates)

    def look(self, status: PipelineStatus | None, self_test: float | None, now_s: float) -> ReportedGates:
        """The gates now."""
        if status is not None:
            self._count(status, now_s)
        cameras = status.cameras if status is not None else ()
        self._last = ReportedGates(
            fps_ratio=coarse(self._fps_ratio(cameras), self._last.fps_ratio),
            error_ratio=coarse(_error_ratio(cameras), self._last.error_ratio),
            read_ratio=coarse(self.record.ratio, self._last.read_ratio),
            self_test=coarse(self_test, self._last.self_test),
        )
        return self._last

    def _count(self, status: PipelineStatus, now_s: float) -> None:
        live = [camera for camera in status.cameras if camera.state is CameraState.STREAMING]
        counts = _Counts(now_s, sum(c.decoded for c in live), sum(c.dropped for c in live))
        if status.pid != self._pid or (self._window and counts.decoded < self._window[-1].decoded):
            self._window.clear()
        self._window.append(counts)
        while self._window[0].at_s < now_s - WINDOW_S:
            self._window.popleft()
        self._count_passes(status)

    def _count_passes(self, status: PipelineStatus) -> None:
        seen = (sum(c.passes for c in status.cameras), sum(c.passes_read for c in status.cameras))
        known = self._seen if status.pid == self._pid else (0, 0)
        passes, read = seen[0] - known[0], seen[1] - known[1]
        if passes < 0 or read < 0:  # a camera went, and its counts with it
            passes = read = 0
        models = tuple(m.digest or "" for m in (status.models.detector, status.models.reader) if m is not None)
        self.record = self.record.counted(models, passes, min(read, passes))
        self._pid, self._seen = status.pid, seen

    def _fps_ratio(self, cameras: Sequence[CameraHealth]) -> float | None:
        """Frames that were worked on of those that were asked for, over the last minute."""
        if len(self._window) < 2:
            return None
        first, last = self._window[0], self._window[-1]
        decoded, dropped = last.decoded - first.decoded, last.dropped - first.dropped
        streaming = sum(camera.state is CameraState.STREAMING for camera in cameras)
        asked = min(decoded, self.max_fps * streaming * (last.at_s - first.at_s)) if self.max_fps else decoded
        return min(1.0, max(0.0, (decoded - dropped) / asked)) if asked > 0 else None


def _error_ratio(cameras: Sequence[CameraHealth]) -> float | None:
    enabled = [camera for camera in cameras if camera.state is not CameraState.DISABLED]
    if not enabled:
        return None
    return sum(camera.state not in _WELL for camera in enabled) / len(enabled)
