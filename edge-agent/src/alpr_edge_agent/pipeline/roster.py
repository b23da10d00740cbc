"""The roster: turns the assignment into running cameras, changes only what differs, and keeps the quarantine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from alpr_edge_agent.crashes import quarantine
from alpr_edge_agent.crashes.ledger import fingerprint, read_ledger, write_ledger
from alpr_edge_agent.crashes.quarantine import Ledger
from alpr_edge_agent.pipeline.camera_run import CameraRun
from alpr_edge_agent.pipeline.loop import Pipeline
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.sources import Login
from alpr_schemas.resources import AssignedCamera, CameraState

log = structlog.get_logger(__name__)

StartCamera = Callable[[AssignedCamera, Login | None], CameraRun]


@dataclass(slots=True)
class _Probation:
    camera: str
    ends_s: float


class Roster:
    """Which cameras run; only the loop's thread calls it. `gone` is told of cameras of which nothing is left."""

    def __init__(
        self,
        pipeline: Pipeline,
        board: StatusBoard,
        start: StartCamera,
        ledger_path: Path,
        *,
        gone: Callable[[str], None] = lambda _: None,
        probation_s: float = quarantine.PROBATION_S,
    ) -> None:
        self._pipeline = pipeline
        self._board = board
        self._start = start
        self._ledger_path = ledger_path
        self._gone = gone
        self._retired: list[CameraRun] = []
        self._probation_s = probation_s
        self._ledger = read_ledger(ledger_path)
        self._wanted: dict[str, AssignedCamera] = {}
        self._logins: dict[str, Login] = {}
        self._fingerprints: dict[str, str] = {}
        self._probation: _Probation | None = None

    def apply(self, cameras: Mapping[str, AssignedCamera], logins: Mapping[str, Login]) -> None:
        """From now on exactly `cameras` run; those that did not change are not touched."""
        changed = [
            name
            for name in self._wanted
            if name not in cameras or not self._unchanged(self._wanted[name], cameras[name], logins.get(name))
        ]
        for name in changed:
            self._stop(name)
        for name in set(self._wanted) - set(cameras):
            self._board.forget(name)
        for name in cameras:
            self._board.expect(name)
        self._wanted, self._logins = dict(cameras), dict(logins)
        self._fingerprints = {name: fingerprint(camera, logins.get(name)) for name, camera in cameras.items()}
        for name, run in self._pipeline.runs.items():
            if run.camera != cameras[name]:
                self._reconfigure(run, cameras[name])
        self.admit()

    def admit(self) -> None:
        """Start what may run and does not; end a probation that was passed. Cheap: call it every second."""
        now = time.time()
        self._bury_retired()
        self._end_probation()
        self._set_ledger(quarantine.pruned(self._ledger, self._fingerprints, now))
        enabled = [name for name, camera in self._wanted.items() if camera.config.enabled]
        for name in set(self._wanted) - set(enabled):
            self._board.state(name, CameraState.DISABLED)
        plan = quarantine.admission(self._ledger, enabled, now)
        for name, until in plan.quarantined.items():
            self._board.state(name, CameraState.QUARANTINED, _quarantine_reason(until))
        for name in plan.free:
            self._ensure(name)
        self._admit_suspect(plan.suspects)

    def stop_all(self) -> None:
        """Ask every camera's thread to end, without settling anything."""
        for run in self._pipeline.runs.values():
            run.stop.set()

    @property
    def let_go(self) -> bool:
        """Whether every camera that was taken away, or opened anew, has closed its stream."""
        return not any(run.thread.is_alive() for run in self._retired)

    @property
    def ended(self) -> bool:
        """Whether every camera that may run has ended by itself."""
        runs = self._pipeline.runs
        return all(not run.thread.is_alive() and not len(run.mailbox) for run in runs.values()) and not self._probation

    def _unchanged(self, before: AssignedCamera, after: AssignedCamera, login: Login | None) -> bool:
        """Whether the stream may go on; a paced one also under other analytics."""
        if fingerprint(before, self._logins.get(before.name)) == fingerprint(after, login):
            return True
        same_stream = _stream_facts(before) == _stream_facts(after) and self._logins.get(before.name) == login
        run = self._pipeline.runs.get(before.name)
        return same_stream and run is not None and run.live

    def _reconfigure(self, run: CameraRun, camera: AssignedCamera) -> None:
        if run.camera.config.analytics != camera.config.analytics:
            self._pipeline.finish(run)
            run.reconfigure(camera)
        else:
            run.camera = camera

    def _ensure(self, name: str) -> None:
        if name not in self._pipeline.runs:
            self._pipeline.runs[name] = self._start(self._wanted[name], self._logins.get(name))

    def _stop(self, name: str) -> None:
        run = self._pipeline.runs.pop(name, None)
        if run is not None:
            run.stop.set()
            self._pipeline.finish(run)
            self._retired.append(run)
        if self._probation and self._probation.camera == name:
            self._probation = None

    def _bury_retired(self) -> None:
        """Tell of cameras whose thread has ended: until then it may stand in a native call."""
        for run in [run for run in self._retired if not run.thread.is_alive()]:
            self._retired.remove(run)
            if run.name not in self._pipeline.runs:
                self._gone(run.name)

    def _admit_suspect(self, suspects: tuple[str, ...]) -> None:
        for name in suspects:
            if self._probation is None:
                self._probation = _Probation(name, time.monotonic() + self._probation_s)
                self._set_ledger(self._ledger.model_copy(update={"on_probation": name}))
                log.warning("camera_on_probation", camera=name, for_s=self._probation_s)
                self._ensure(name)
            elif name != self._probation.camera:
                self._board.state(name, CameraState.CONNECTING, "waits: it may have crashed the pipeline")

    def _end_probation(self) -> None:
        probation = self._probation
        if probation is None:
            return
        run = self._pipeline.runs.get(probation.camera)
        if time.monotonic() >= probation.ends_s or (run is not None and not run.thread.is_alive() and not run.mailbox):
            log.info("camera_acquitted", camera=probation.camera)
            self._probation = None
            self._set_ledger(quarantine.acquitted(self._ledger, probation.camera))

    def _set_ledger(self, ledger: Ledger) -> None:
        if ledger != self._ledger:
            self._ledger = ledger
            write_ledger(self._ledger_path, ledger)


def _stream_facts(camera: AssignedCamera) -> tuple[object, ...]:
    config = camera.config
    return config.source, config.stream, config.enabled, camera.epoch


def _quarantine_reason(until: float) -> str:
    moment = datetime.fromtimestamp(until, UTC).strftime("%H:%M UTC")
    return (
        f"it crashed the pipeline {quarantine.CRASHES} times in {quarantine.WITHIN_S / 60:g} minutes; tried again at"
        f" {moment}, or when its configuration changes: try another codec or transport, or another firmware"
    )
