"""The agent's side of the API server, all of it asynchronous: the assignment in, the report out.

Nothing here holds anything up: the pipeline runs from the disk, and what cannot be said now is said later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import structlog

from alpr_edge_agent.agent.cadence import Cadence
from alpr_edge_agent.agent.cluster import Cluster
from alpr_edge_agent.agent.intake import Intake
from alpr_edge_agent.agent.metrics import REPORT_WRITES
from alpr_edge_agent.agent.report import same_facts
from alpr_edge_agent.agent.secret_reader import SecretReader
from alpr_edge_agent.contact import ContactWriter
from alpr_kubernetes import ApiError, Change, Changed, Failed, Listed, NotFound, Object
from alpr_schemas.resources import CameraState, EdgeReport, seconds

MOST_QUIET_S = 60.0
ASK_LOOK_S = 1.0
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Link:
    """One node's link; `offer` and `stop` may be called from any thread.

    Attributes:
        withdraw_after_s: an assignment that was deleted and is back within so long costs no stream: the operator
            puts back within seconds what a person deleted.
    """

    open_cluster: Callable[[], AbstractAsyncContextManager[Cluster]]
    intake: Intake
    contact: ContactWriter
    cadence: Cadence = field(default_factory=Cadence)
    withdraw_after_s: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _offered: EdgeReport | None = None
    _report: EdgeReport | None = None
    _withdrawal: asyncio.Task[None] | None = None
    _secrets: SecretReader | None = None
    _ask_after_s: float | None = None

    async def run(self) -> None:
        """Follow and report until `stop`. What ends by a bug is raised, as an ExceptionGroup."""
        self._loop = asyncio.get_running_loop()
        self._look()
        async with self.open_cluster() as cluster, asyncio.TaskGroup() as group:
            self._secrets = SecretReader(cluster, self.intake)
            work = (
                self._follow(cluster),
                self._keep_report(cluster),
                self._secrets.keep(self._refused),
                self._keep_contact(cluster),
            )
            tasks = [group.create_task(each) for each in work]
            await self._stop.wait()
            for task in (*tasks, self._withdrawal):
                if task is not None:
                    task.cancel()

    def stop(self) -> None:
        """Have `run` end soon."""
        self._in_loop(self._stop.set)

    def offer(self, report: EdgeReport) -> None:
        """`report` is the newest; it is written when it is due, unless a newer one comes before."""
        self._offered = report
        self._in_loop(self._look)

    def _in_loop(self, call: Callable[[], None]) -> None:
        if self._loop is None:
            call()  # nothing runs yet that could be disturbed; `run` looks at everything when it begins
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _look(self) -> None:
        offered = self._offered
        if offered is None or same_facts(offered, self._report):
            return
        self._report = offered
        self.cadence.changed(self.clock())
        self._news.set()

    async def _keep_report(self, cluster: Cluster) -> None:
        while True:
            self._news.clear()
            wait_s = self.cadence.due_s() - self.clock()
            try:
                async with asyncio.timeout(max(0.0, wait_s) if wait_s < float("inf") else None):
                    await self._news.wait()
            except TimeoutError:
                await self._write(cluster)

    async def _write(self, cluster: Cluster) -> None:
        report = self._report
        if report is None:
            return
        try:
            await cluster.put_report(report)
        except ApiError as e:
            REPORT_WRITES.labels(outcome="failed").inc()
            self.cadence.failed(self.clock(), e.retry_after_s)
            log.warning("report_not_delivered", status=e.status, reason=e.reason, error=e.message)
            return
        REPORT_WRITES.labels(outcome="written").inc()
        self.contact.reached()
        self.cadence.wrote(self.clock())
        if self._report is not report:
            self.cadence.changed(self.clock())

    async def _follow(self, cluster: Cluster) -> None:
        async for change in cluster.assignments():
            await self._apply(change)

    async def _apply(self, change: Change) -> None:
        if not isinstance(change, Failed):
            self.contact.reached()
        match change:
            case Listed(items=[]):
                self._withdraw_soon()
            case Listed(items=[item, *_]):
                await self._take(item)
            case Changed(type="DELETED"):
                self._withdraw_soon()
            case Changed(object=item):
                await self._take(item)
            case Failed(error=error):
                log.warning("assignment_not_followed", status=error.status, error=error.message)

    async def _take(self, item: Object) -> None:
        if self._withdrawal is not None:
            self._withdrawal.cancel()
            self._withdrawal = None
        if self._secrets is not None:
            await self._secrets.read_new(self.intake.secrets_of(item))
        assignment = await asyncio.to_thread(self.intake.take, item)
        if assignment is not None:
            fence_s = seconds(assignment.spec.fence_after) if assignment.spec.fence_after else None
            self._ask_after_s = min(MOST_QUIET_S, fence_s / 4) if fence_s else None
            self.cadence.refresh_s = max(1.0, seconds(assignment.spec.report_refresh))

    async def _keep_contact(self, cluster: Cluster) -> None:
        """Where the assignment has a fence, ask for it whenever nothing else was heard for a quarter of that time."""
        while True:
            await asyncio.sleep(ASK_LOOK_S)
            if self._ask_after_s is None or self.contact.quiet_s() < self._ask_after_s:
                continue
            try:
                await cluster.assignment()
            except NotFound:
                self.contact.reached()
            except ApiError as e:
                log.warning("api_not_reached", status=e.status, quiet_s=round(self.contact.quiet_s()))
            else:
                self.contact.reached()

    def _refused(self) -> bool:
        """Whether a camera refuses its password: then a corrected Secret is looked for more often."""
        cameras = self._report.status.cameras if self._report else ()
        return any(camera.state is CameraState.AUTH_FAILED for camera in cameras)

    def _withdraw_soon(self) -> None:
        if self._withdrawal is None:
            self._withdrawal = asyncio.create_task(self._withdraw())

    async def _withdraw(self) -> None:
        await asyncio.sleep(self.withdraw_after_s)
        await asyncio.to_thread(self.intake.withdraw)


def run_link(link: Link) -> None:
    """`link.run()` in an event loop of its own. Blocks."""
    asyncio.run(link.run())
