"""For publishers that read no schema but this program's: what an older one wrote is rewritten on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from alpr_edge_agent.outbox.reader import OutboxRow
from alpr_edge_agent.outbox.writer_schema import in_our_schema, our_schema
from alpr_edge_agent.publish import Publisher

log = structlog.get_logger(__name__)


class InOurSchema:
    """A publisher before another one."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Publish `rows` as this program would have written them. Raises DeliveryUnavailable."""
        self._publisher.publish([_ours(row) for row in rows])


def _ours(row: OutboxRow) -> OutboxRow:
    ours = our_schema(row.topic)
    if row.schema.fingerprint == ours.fingerprint:
        return row
    try:
        return replace(row, payload=in_our_schema(row.topic, row.payload, row.schema), schema=ours)
    except ValueError as e:  # the receiver refuses it with a reason, and keeps its bytes
        log.warning("row_not_rewritten", row=row.id, reason=str(e))
        return row
