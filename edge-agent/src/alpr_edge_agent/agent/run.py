"""The agent's process: two deliveries and a report, until it is asked to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from alpr_edge_agent.agent.delivery import deliver_events, deliver_images
from alpr_edge_agent.agent.report import report_of, same_facts
from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.pipeline.status import PipelineStatus, read_status
from alpr_edge_agent.publish import ImageSink, Publisher
from alpr_edge_agent.publish.ours import InOurSchema
from alpr_schemas.resources import EdgeReport

LOOK_EVERY_S = 0.5
REFRESH_EVERY_S = 300.0
PIPELINE_SILENT_AFTER_S = 10.0
log = structlog.get_logger(__name__)


def run_agent(
    folder: EdgeFolder, publisher: Publisher, sink: ImageSink, stop: threading.Event, *, site: str, host: str
) -> None:
    """Deliver and report until `stop` is set; `site` and `host` name the node where it tells of losses.

    `publisher` gets rows in this program's schema, also those that an older one wrote. A delivery that ends by a bug
    ends the process: its supervisor sees it.
    """
    failed: list[BaseException] = []
    ours = InOurSchema(publisher)
    threads = [
        threading.Thread(target=_guarded, args=(work, stop, failed), name=name)
        for name, work in (
            ("events", lambda: deliver_events(OutboxReader(folder.outbox), ours, stop, site=site, host=host)),
            ("images", lambda: deliver_images(OutboxReader(folder.outbox), sink, stop)),
        )
    ]
    for thread in threads:
        thread.start()
    try:
        keep_report(folder, stop)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]


def _guarded(work: Callable[[], None], stop: threading.Event, failed: list[BaseException]) -> None:
    try:
        work()
    except BaseException as e:  # noqa: BLE001 - carried to the main thread, which raises it
        failed.append(e)
        stop.set()


def keep_report(
    folder: EdgeFolder,
    stop: threading.Event,
    compose: Callable[[], EdgeReport | None] | None = None,
    tell: Callable[[EdgeReport], None] = lambda _: None,
) -> None:
    """Write the report when a fact in it changes, and every five minutes; a disk that is full delays it.

    `compose` makes the report, of what the folder holds where it is left out; `tell` is given each one.
    """
    last: EdgeReport | None = None
    written_at = 0.0
    while True:
        report = compose() if compose else _report_now(folder)
        if report is not None:
            tell(report)
        due = time.monotonic() - written_at > REFRESH_EVERY_S
        if report is not None and (due or not same_facts(report, last)) and _written(folder, report):
            last, written_at = report, time.monotonic()
        if stop.wait(LOOK_EVERY_S):
            return


def _written(folder: EdgeFolder, report: EdgeReport) -> bool:
    try:
        write_durably(folder.report, report.model_dump_json(by_alias=True, exclude_none=True).encode())
    except OSError as e:
        log.warning("report_not_written", error=e.strerror)
        return False
    return True


def _report_now(folder: EdgeFolder) -> EdgeReport | None:
    try:
        assignment = read_assignment(folder.assignment)
    except AssignmentUnreadable:
        return None
    return report_of(assignment, current_status(folder), datetime.now(UTC))


def current_status(folder: EdgeFolder) -> PipelineStatus | None:
    """What the pipeline said last; None where it has not spoken for a while."""
    try:
        if time.time() - folder.status.stat().st_mtime > PIPELINE_SILENT_AFTER_S:
            return None
        return read_status(folder.status)
    except (OSError, ValueError):
        return None
