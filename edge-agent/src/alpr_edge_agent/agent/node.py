"""The agent of a Kubernetes node: follows its assignment, reports, delivers, keeps what the pipeline works from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

import structlog

from alpr_edge_agent.agent.capacity import capacity_of, cores_for_pipeline
from alpr_edge_agent.agent.cluster import Cluster, opened
from alpr_edge_agent.agent.credentials import CredentialKeeper
from alpr_edge_agent.agent.disk import DiskGauge
from alpr_edge_agent.agent.gate_keeper import GateKeeper
from alpr_edge_agent.agent.intake import Intake
from alpr_edge_agent.agent.link import Link, run_link
from alpr_edge_agent.agent.metrics import serve_metrics
from alpr_edge_agent.agent.model_keeper import ModelKeeper, models_condition
from alpr_edge_agent.agent.node_key import NodeKey, node_key
from alpr_edge_agent.agent.outbox_metrics import outbox_shown
from alpr_edge_agent.agent.report import NodeFacts, aged, first_report, report_of
from alpr_edge_agent.agent.run import current_status, keep_report
from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.agent.sinks import SinksWatch
from alpr_edge_agent.agent.uplink import Uplink, uplink
from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.contact import ContactWriter
from alpr_edge_agent.errors import AssignmentUnreadable, NoCluster
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_edge_agent.pipeline.status import PipelineStatus
from alpr_edge_agent.trial.book import TrialBook
from alpr_edge_agent.trial.hardware import fingerprint
from alpr_kubernetes import NoConnection, connect
from alpr_schemas.resources import EdgeReport

log = structlog.get_logger(__name__)
END_WITHIN_S = 2.0
SINKS = Path("/etc/ovr-alpr/sinks")
OpenCluster = Callable[[], AbstractAsyncContextManager[Cluster]]


@dataclass(slots=True)
class NodeAgent:
    """One node's agent."""

    settings: NodeSettings
    folder: EdgeFolder
    key: NodeKey
    intake: Intake
    link: Link
    models: ModelKeeper
    gates: GateKeeper
    disk: DiskGauge
    uplink: Uplink
    sinks: SinksWatch
    on_gpu: bool = False
    _last: EdgeReport | None = field(default=None)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. What ends one of its threads by a bug ends it: its supervisor sees it."""
        with ExitStack() as threads:
            threads.enter_context(_thread("cluster", lambda: run_link(self.link), self.link.stop, stop))
            threads.enter_context(_thread("models", lambda: self.models.run(stop), stop.set, stop))
            threads.enter_context(_thread("sinks", lambda: self.sinks.run(stop), stop.set, stop))
            for name, work in self.uplink.works.items():
                threads.enter_context(_thread(name, partial(work, stop), stop.set, stop))
            keep_report(self.folder, stop, self.report, self.link.offer)

    def report(self) -> EdgeReport:
        """What there is to say now."""
        now = datetime.now(UTC)
        pipeline = current_status(self.folder)
        try:
            report = report_of(read_assignment(self.folder.assignment), pipeline, now, self._facts(pipeline))
        except AssignmentUnreadable:
            report = first_report(self.settings.node_name, pipeline, self._facts(pipeline))
        self._last = aged(report, self._last, now)
        return self._last

    def _facts(self, pipeline: PipelineStatus | None) -> NodeFacts:
        news = self.models.news
        score = news.result.score if news.result is not None else None
        return NodeFacts(
            agent_version=metadata.version("alpr-edge-agent"),
            gates=self.gates.look(pipeline, score, time.monotonic()),
            sealing_key=self.key.public,
            capacity=capacity_of(news.result, self.settings, on_gpu=self.on_gpu),
            conditions=(self.intake.condition, models_condition(news, pipeline), self.disk.condition),
            login_problems=self.intake.credentials.problems,
        )


def run_node(
    settings: NodeSettings,
    stop: threading.Event,
    open_cluster: OpenCluster | None = None,
    sinks: SinksWatch | None = None,
) -> None:
    """Run the agent of a node until `stop`. Raises EdgeError where it cannot begin."""
    folder = EdgeFolder(settings.data)
    key = node_key(folder.node_key)
    intake = Intake(folder, CredentialKeeper(folder, key))
    intake.recover()
    link = Link(
        open_cluster or _real_cluster(settings),
        intake,
        ContactWriter(folder.contact),
        withdraw_after_s=settings.withdraw_after_s,
    )
    log.info("node_agent_started", node=settings.node_name, namespace=settings.namespace, key_id=key.id)
    serve_metrics(settings.metrics_host, settings.metrics_port)
    pipeline = PipelineSettings(data=settings.data)
    with outbox_shown(folder.outbox), uplink(settings, folder) as way_out:
        NodeAgent(
            settings=settings,
            folder=folder,
            key=key,
            intake=intake,
            link=link,
            models=ModelKeeper(folder, settings, TrialBook(folder.trials, fingerprint(cores_for_pipeline(settings)))),
            gates=GateKeeper(folder.read_record, pipeline.max_fps),
            disk=DiskGauge(folder.root),
            uplink=way_out,
            sinks=sinks or SinksWatch(SINKS),
            on_gpu=pipeline.detector.backend != "onnx",
        ).run(stop)


def _real_cluster(settings: NodeSettings) -> OpenCluster:
    try:
        connection = connect(settings.kubeconfig)
    except NoConnection as e:
        raise NoCluster(str(e)) from e
    return lambda: opened(connection, settings.namespace, settings.node_name)


@contextmanager
def _thread(name: str, work: Callable[[], None], end: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    """Run `work` beside the block; `end` has it end. What it raises sets `stop`, and is raised after the block."""
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as e:  # noqa: BLE001 - carried to the main thread, which raises it
            failed.append(e)
            stop.set()

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        end()
        thread.join(END_WITHIN_S)  # a call to a server that fell silent ends by its own time-out, and need not
    if failed:
        raise failed[0]
