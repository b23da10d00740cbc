"""What the pipeline says of itself, in `pipeline-status.json`: the pipeline writes it, the agent reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict

from alpr_edge_agent.decode import StreamInfo
from alpr_schemas.resources import AssignedModels, CameraState

log = structlog.get_logger(__name__)
REASON_CHARS = 1024


class CameraHealth(BaseModel):
    """One camera's health.

    Attributes:
        reason: plain words with what to do, where something is wrong; it holds no address and no password.
        since: when `state` began.
        decoded, analysed, dropped, plates: frames, frames, frames and readings since this process began.
        passes, passes_read: vehicles that went by since then, and those of them whose plate was read.
        fps: decoded frames a second over the last seconds.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    state: CameraState
    reason: str = ""
    since: datetime
    decoded: int = 0
    analysed: int = 0
    dropped: int = 0
    plates: int = 0
    passes: int = 0
    passes_read: int = 0
    fps: float = 0.0
    last_frame_at: datetime | None = None
    last_read_at: datetime | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None


class PipelineStatus(BaseModel):
    """The whole pipeline.

    Attributes:
        applied_revision: of the assignment that it runs; 0 before the first.
        problems: what is wrong beside cameras, in plain words with what to do.
        finished: every camera has ended (only with --once).
        models: what it runs, by name and digest; empty before the engines are open.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    applied_revision: int = 0
    boot_id: str = ""
    pid: int = 0
    updated_at: datetime
    finished: bool = False
    problems: tuple[str, ...] = ()
    cameras: tuple[CameraHealth, ...] = ()
    models: AssignedModels = AssignedModels()


@dataclass(slots=True)
class _Record:
    state: CameraState
    reason: str
    since: datetime
    stream: StreamInfo | None = None
    decoded: int = 0
    analysed: int = 0
    dropped: int = 0
    plates: int = 0
    passes: int = 0
    passes_read: int = 0
    last_frame_at: datetime | None = None
    last_read_at: datetime | None = None
    rate: tuple[float, int, float] = (0.0, 0, 0.0)  # (window began, decoded then, fps of the last window)


@dataclass(slots=True)
class StatusBoard:
    """Where all threads of the pipeline write what they see; a lock around plain counters."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    changed: threading.Event = field(default_factory=threading.Event)
    _records: dict[str, _Record] = field(default_factory=dict)
    _problems: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, camera: str) -> None:
        """From now on `camera` is ours; what is told of others is dropped, for a thread may outlive its camera."""
        with self._lock:
            self._records.setdefault(camera, _Record(CameraState.CONNECTING, "not opened yet", self.now()))

    def state(self, camera: str, state: CameraState, reason: str = "", stream: StreamInfo | None = None) -> None:
        """`camera` is in `state` now; the same again changes nothing."""
        with self._lock:
            record = self._records.get(camera)
            if record is None:
                return
            record.stream = stream or record.stream
            if (record.state, record.reason) == (state, reason[:REASON_CHARS]):
                return
            if record.state is not state:
                record.since = self.now()
            record.state, record.reason = state, reason[:REASON_CHARS]
        log.info("camera_state", camera=camera, state=state.value, reason=reason)
        self.changed.set()

    def count(self, camera: str, **what: int) -> None:
        """Add to `decoded`, `analysed`, `dropped`, `plates`, `passes`, `passes_read`."""
        with self._lock:
            record = self._records.get(camera)
            for name, amount in what.items() if record else ():
                setattr(record, name, getattr(record, name) + amount)

    def frame_at(self, camera: str, moment: datetime) -> None:
        """A frame of this time was decoded."""
        with self._lock:
            if (record := self._records.get(camera)) is not None:
                record.decoded += 1
                record.last_frame_at = moment

    def read_at(self, camera: str, moment: datetime) -> None:
        """A plate of this time was published."""
        with self._lock:
            if (record := self._records.get(camera)) is not None:
                record.plates += 1
                record.last_read_at = moment

    def problem(self, about: str, text: str | None) -> None:
        """What is wrong with `about` (metrics, outbox, …); None: nothing any more."""
        with self._lock:
            before = self._problems.pop(about, None)
            if text is not None:
                self._problems[about] = text
        if before != text:
            log.warning("pipeline_problem", about=about, problem=text or "none any more")
            self.changed.set()

    def forget(self, camera: str) -> None:
        """`camera` is not ours any more."""
        with self._lock:
            self._records.pop(camera, None)
        self.changed.set()

    def cameras(self, now_s: float) -> tuple[CameraHealth, ...]:
        """All cameras, by name; `now_s` is monotonic, for the rates."""
        with self._lock:
            return tuple(_health(name, record, now_s) for name, record in sorted(self._records.items()))

    def problems(self) -> tuple[str, ...]:
        """What is wrong beside cameras."""
        with self._lock:
            return tuple(self._problems.values())


def _health(name: str, record: _Record, now_s: float) -> CameraHealth:
    began, decoded_then, fps = record.rate
    if now_s - began >= 2.0:
        fps = (record.decoded - decoded_then) / (now_s - began) if began else 0.0
        record.rate = (now_s, record.decoded, fps)
    stream = record.stream
    return CameraHealth(
        name=name,
        state=record.state,
        reason=record.reason,
        since=record.since,
        decoded=record.decoded,
        analysed=record.analysed,
        dropped=record.dropped,
        plates=record.plates,
        passes=record.passes,
        passes_read=record.passes_read,
        fps=round(fps, 2),
        last_frame_at=record.last_frame_at,
        last_read_at=record.last_read_at,
        codec=stream.codec if stream else None,
        width=stream.width if stream else None,
        height=stream.height if stream else None,
    )


def read_status(path: Path) -> PipelineStatus:
    """The status at `path`. Raises OSError, or ValueError where it is none."""
    return PipelineStatus.model_validate_json(path.read_bytes())
