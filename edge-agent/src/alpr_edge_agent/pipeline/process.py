"""One life of the pipeline: opens what it needs, runs the loop, ends within seconds of being asked."""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.crashes import quarantine
from alpr_edge_agent.crashes.faults import record_faults
from alpr_edge_agent.crashes.ledger import charge_last_crash
from alpr_edge_agent.crashes.marks import Marks
from alpr_edge_agent.decode import open_decoder
from alpr_edge_agent.detect import Detector, open_detector
from alpr_edge_agent.errors import AssignmentUnreadable, EdgeError, OutboxUnavailable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.outbox import Outbox
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.passes.analysis import AnalysisSettings
from alpr_edge_agent.pipeline.camera_run import Analysis, CameraRun, RunParts
from alpr_edge_agent.pipeline.camera_thread import CameraThread, ThreadParts
from alpr_edge_agent.pipeline.engines import EngineRoom
from alpr_edge_agent.pipeline.evidence import sweep
from alpr_edge_agent.pipeline.loop import Pipeline, PipelineParts, Stills, Watch
from alpr_edge_agent.pipeline.mailbox import Mailbox
from alpr_edge_agent.pipeline.metrics import PipelineMetrics
from alpr_edge_agent.pipeline.observations import Origin
from alpr_edge_agent.pipeline.orders import Orders
from alpr_edge_agent.pipeline.pacer import Pacer
from alpr_edge_agent.pipeline.roster import Roster
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.pipeline.status_writer import StatusWriter
from alpr_edge_agent.pipeline.steering import Shared, Steering
from alpr_edge_agent.pipeline.writer import Writer
from alpr_edge_agent.recognize import Recognizer, open_recognizer
from alpr_edge_agent.sources import Login, OpenDecoder, Surroundings, open_source
from alpr_edge_agent.sources.clip_times import ClipTimes
from alpr_schemas.events import PlateEvent
from alpr_schemas.resources import AssignedCamera, AssignmentSpec

log = structlog.get_logger(__name__)
LOOK_EVERY_S = 0.5
IDLE_S = 0.05
RETRY_S = 2.0


def default_analysis(settings: AnalysisSettings) -> Analysis:
    """The analysis of a camera."""
    from alpr_edge_agent.passes.analysis import CameraAnalysis

    return CameraAnalysis(settings)


def default_stills(settings: PipelineSettings) -> Stills:
    """The reader of photos; its models are loaded now."""
    from alpr_edge_agent.photos.reader import open_photo_reader
    from alpr_edge_agent.pipeline.still_reader import StillReader

    return StillReader(open_photo_reader(settings.detector.models_dir))


@dataclass(frozen=True, slots=True)
class Backends:
    """The seams' implementations; tests and the pilot give their own.

    Attributes:
        watch: told of every analysed frame; see `PipelineParts`.
        on_plate: told of every plate once it is durable, in the writer's thread.
    """

    open_decoder: OpenDecoder = open_decoder
    open_detector: Callable[[PipelineSettings], Detector] = lambda s: open_detector(s.detector)
    open_recognizer: Callable[[PipelineSettings], Recognizer] = lambda s: open_recognizer(s.recognizer)
    new_analysis: Callable[[AnalysisSettings], Analysis] = default_analysis
    open_stills: Callable[[PipelineSettings], Stills] = default_stills
    watch: Watch | None = None
    on_plate: Callable[[PlateEvent], None] | None = None
    probation_s: float = quarantine.PROBATION_S


@dataclass(slots=True)
class _Process:
    """One life of the pipeline."""

    settings: PipelineSettings
    backends: Backends
    stop: threading.Event
    folder: EdgeFolder = field(init=False)
    board: StatusBoard = field(default_factory=StatusBoard)
    metrics: PipelineMetrics = field(default_factory=PipelineMetrics)
    work: threading.Event = field(default_factory=threading.Event)
    analyses: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = EdgeFolder(self.settings.data)

    def run(self) -> int:
        self.folder.root.mkdir(parents=True, exist_ok=True)
        status = StatusWriter(self.folder.status, self.board, self.metrics)
        try:
            charge_last_crash(self.folder)
            with record_faults(self.folder.faults):
                self._serve_metrics()
                return self._run_with(status, Marks(self.folder.marks))
        except EdgeError as e:
            self.board.problem("start", str(e))
            log.error("pipeline_cannot_run", reason=str(e))  # noqa: TRY400 - its text says what to do
            return 1
        finally:
            faulthandler.disable()
            status.close()

    def _serve_metrics(self) -> None:
        if self.settings.metrics_port:
            self.board.problem("metrics", self.metrics.serve(self.settings.metrics_host, self.settings.metrics_port))

    def _run_with(self, status: StatusWriter, marks: Marks) -> int:
        room = EngineRoom(self.settings, self.backends.open_detector, self.backends.open_recognizer, self.board)
        engines = room.first(self.stop)
        spec = self._first_assignment() if engines else None
        outbox = self._outbox(spec) if spec else None
        if engines is None or spec is None or outbox is None:
            return 0
        status.boot_id, status.models = outbox.boot_id, engines.applied
        writer = Writer(outbox, self.folder.spool, self.board, self.metrics)
        writer.on_plate = self.backends.on_plate
        pipeline = Pipeline(
            PipelineParts(
                detector=engines.detector,
                recognizer=engines.recognizer,
                open_stills=partial(self.backends.open_stills, self.settings),
                write=writer.write,
                marks=marks,
                board=self.board,
                metrics=self.metrics,
                max_batch=self.settings.detector.max_batch,
                watch=self.backends.watch,
            )
        )
        origin = Origin(spec.site, spec.node_name, "", "", engines.detector.digest, engines.recognizer.digest)
        shared = Shared(marks, outbox, origin, Pacer(spec.connect_per_second))
        start = partial(self._start_camera, shared)
        roster = Roster(
            pipeline,
            self.board,
            start,
            self.folder.crashes,
            gone=marks.release,
            probation_s=self.backends.probation_s,
        )
        orders = Orders(self.folder, self.board)
        self._loop(pipeline, roster, writer, Steering(orders, room, pipeline, roster, shared, status))
        return self._end(pipeline, roster, writer, outbox, status)

    def _first_assignment(self) -> AssignmentSpec | None:
        while not self.stop.is_set():
            try:
                return read_assignment(self.folder.assignment).spec
            except AssignmentUnreadable as e:
                if self.settings.once:
                    raise
                self.board.problem("assignment", str(e))
                self.stop.wait(LOOK_EVERY_S)
        return None

    def _outbox(self, spec: AssignmentSpec) -> Outbox | None:
        agent = self.settings.agent_id or spec.node_name
        while not self.stop.is_set():
            try:
                outbox = Outbox.open(self.folder.outbox, agent_id=agent, max_bytes=self.settings.outbox_max_bytes)
                self._sweep()
            except OutboxUnavailable as e:
                self.board.problem("outbox", str(e))
                self.stop.wait(RETRY_S)
                continue
            self.board.problem("outbox", None)
            return outbox
        return None

    def _sweep(self) -> None:
        reader = OutboxReader(self.folder.outbox)
        try:
            waiting = {image.path for image in reader.images(-1)}
        finally:
            reader.close()
        if orphans := sweep(self.folder.spool, waiting):
            log.info("orphaned_pictures_deleted", pictures=orphans)

    def _start_camera(self, shared: Shared, camera: AssignedCamera, login: Login | None) -> CameraRun:
        stop = threading.Event()
        mailbox = Mailbox(self.work, stop)
        around = Surroundings(
            camera=camera.name,
            boot_id=shared.outbox.boot_id,
            decode=self.settings.decode,
            open_decoder=self.backends.open_decoder,
            clip_times=ClipTimes(self.folder.clips),
            stop=stop,
            guard=partial(shared.marks.guard, camera.name, "decode"),
        )
        make_source = partial(open_source, camera, login, around)
        rank = shared.ranks.get(camera.name, 0)
        parts = ThreadParts(make_source, mailbox, self.board, shared.pacer, stop, self.settings.once, rank)
        thread = CameraThread(camera.name, parts)
        run = CameraRun(camera, thread, mailbox, stop, self._run_parts(shared, camera.name))
        thread.start()
        return run

    def _run_parts(self, shared: Shared, camera: str) -> RunParts:
        return RunParts(
            new_analysis=self.backends.new_analysis,
            origin=replace(shared.origin, camera=camera),
            max_fps=self.settings.max_fps or None,
            motion_gate=self.settings.motion_gate,
            resumed=shared.outbox.resumed,
            analyses=self.analyses,
        )

    def _loop(self, pipeline: Pipeline, roster: Roster, writer: Writer, steering: Steering) -> None:
        looked_s = float("-inf")
        while not self.stop.is_set() and writer.failed is None:
            self.work.clear()
            busy = pipeline.turn()
            if time.monotonic() - looked_s >= LOOK_EVERY_S:
                looked_s = time.monotonic()
                steering.look()
            elif self.settings.once and not busy and roster.ended:
                steering.status.finished = True
                return
            if not busy:
                self.work.wait(IDLE_S)
        if writer.failed is not None:
            raise writer.failed

    def _end(self, pipeline: Pipeline, roster: Roster, writer: Writer, outbox: Outbox, status: StatusWriter) -> int:
        roster.stop_all()
        for run in pipeline.runs.values():
            if run.live:  # a clip is read from its beginning again, and gives the whole pass then
                pipeline.finish(run)
        done = writer.finish(self.settings.stop_within_s - 1.0)
        if done:
            with suppress(OutboxUnavailable):
                outbox.close()
        log.info("pipeline_ended", everything_written=done)
        status.finished = status.finished and done
        return 0 if done else 1


def run_pipeline(settings: PipelineSettings, stop: threading.Event, backends: Backends | None = None) -> int:
    """Run until `stop` is set, or with `settings.once` until every camera has ended; the exit status. Blocks."""
    return _Process(settings, backends or Backends(), stop).run()
