"""Out of the outbox: events first, pictures second, each deleted only after somebody else has it."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from threading import Event as StopFlag

import structlog
from tenacity import RetryError

from alpr_edge_agent.agent.bandwidth import Bandwidth
from alpr_edge_agent.agent.metrics import DELIVERED, IMAGES, WAITING
from alpr_edge_agent.agent.tombstones import tell_tombstones
from alpr_edge_agent.errors import DeliveryUnavailable, OutboxUnavailable
from alpr_edge_agent.outbox import SpooledImage
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.publish import ImageSink, Publisher
from alpr_edge_agent.retry import patience
from alpr_kafka.failpoints import reach

BATCH_EVENTS = 2000
BATCH_IMAGES = 32
POLL_S = 0.02
log = structlog.get_logger(__name__)


def deliver_events(reader: OutboxReader, publisher: Publisher, stop: StopFlag, *, site: str, host: str) -> None:
    """Until `stop`: publish batches in order, delete what was taken. An outage is waited out, whatever it takes."""

    def step() -> int:
        return tell_tombstones(reader, publisher, site, host) + deliver_batch(reader, publisher)

    while not stop.is_set():
        if not _patiently(step, stop) and not _wait_for_more(reader, stop):
            return


def deliver_batch(reader: OutboxReader, publisher: Publisher) -> int:
    """Publish the oldest rows once; how many they were. A crash in between sends them again: ids make that harmless."""
    rows = reader.peek(BATCH_EVENTS)
    if rows:
        publisher.publish(rows)
        reach("before_delete")
        reader.delete(rows)
        for topic, many in Counter(row.topic for row in rows).items():
            DELIVERED.labels(topic=topic).inc(many)
    WAITING.set(reader.backlog().events)
    return len(rows)


def deliver_images(reader: OutboxReader, sink: ImageSink, stop: StopFlag, bandwidth: Bandwidth | None = None) -> None:
    """Until `stop`: upload pictures, within `bandwidth`, and delete those that the store has."""

    def may_go(size_bytes: int) -> bool:
        return bandwidth is None or not stop.wait(bandwidth.wait_s(size_bytes, time.monotonic()))

    def step() -> int:
        return deliver_image_batch(reader, sink, may_go)

    while not stop.is_set():
        if not _patiently(step, stop) and not _wait_for_more(reader, stop):
            return


def deliver_image_batch(reader: OutboxReader, sink: ImageSink, may_go: Callable[[int], bool] = lambda _: True) -> int:
    """Upload what comes next, once: plates, or a single frame; how many were looked at.

    A frame goes alone, so that a plate which comes meanwhile waits for one picture at most. `may_go` is asked before
    each, with its bytes; it may block, and where it says no the rest waits.
    """
    images = reader.images(BATCH_IMAGES)
    plates = [image for image in images if image.kind != "frame"]
    batch = plates or images[:1]
    for image in batch:
        if not may_go(image.size_bytes):
            break
        _upload(reader, sink, image)
    return len(batch)


def _upload(reader: OutboxReader, sink: ImageSink, image: SpooledImage) -> None:
    try:
        data = image.path.read_bytes()
    except OSError as e:
        log.warning("spooled_image_lost", event_id=image.event_id, kind=image.kind, error=str(e.strerror))
        IMAGES.labels(outcome="lost").inc()
        reader.delete_image(image)
        return
    if hashlib.sha256(data).hexdigest() != image.sha256:
        log.error("spooled_image_damaged", event_id=image.event_id, kind=image.kind)
        IMAGES.labels(outcome="damaged").inc()
    else:
        sink.put_if_absent(image.key, data)
        IMAGES.labels(outcome="stored").inc()
    reader.delete_image(image)


def _patiently(step: Callable[[], int], stop: StopFlag) -> int:
    """Run `step`, again after an outage, until it succeeds; 0 where `stop` came first."""
    try:
        return int(patience(stop, on=(DeliveryUnavailable, OutboxUnavailable))(step))
    except RetryError:
        return 0


def _wait_for_more(reader: OutboxReader, stop: StopFlag) -> bool:
    while not stop.wait(POLL_S):
        if reader.changed():
            return True
    return False
