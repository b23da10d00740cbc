"""Spans of batches, linked to the traces of the records in them. Off unless `alpr_telemetry.tracing` is wanted.

A batch holds records of many traces, so it belongs to none of them: it is a span of its own with a link to each, as the
messaging conventions of OpenTelemetry have it. Links stop at 128, the SDK's own default bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from alpr_kafka.records import Record
from alpr_telemetry import tracing

if TYPE_CHECKING:
    from opentelemetry.trace import Link

HEADER = "traceparent"
MOST_LINKS = 128
_FORM = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SCOPE = "alpr_kafka"
Spans = Callable[[Sequence[Record]], AbstractContextManager[Any]]


def processing(group: str) -> Spans:
    """Spans of a consumer of `group`, one a batch; those that cost nothing where tracing is off: no header is read."""
    if not tracing.wanted():
        return lambda _: nullcontext()
    return lambda records: _span(group, records)


def links(headers: Iterable[tuple[tuple[str, bytes], ...]]) -> list[Link]:
    """A link to each sampled trace that a record's headers name, at most 128; what is malformed is passed over."""
    from opentelemetry.trace import Link, SpanContext, TraceFlags

    found: dict[bytes, Link] = {}
    for pairs in headers:
        told = next((value for name, value in pairs if name == HEADER), b"")
        match = _FORM.fullmatch(told)
        if match is None or told in found or not int(match[3], 16) & TraceFlags.SAMPLED:
            continue
        context = SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(1))
        if context.is_valid:
            found[told] = Link(context)
        if len(found) == MOST_LINKS:
            break
    return list(found.values())


def _span(group: str, records: Sequence[Record]) -> AbstractContextManager[Any]:
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind

    topic = records[0].topic if records else ""
    return trace.get_tracer(_SCOPE).start_as_current_span(
        f"process {topic}",
        kind=SpanKind.CONSUMER,
        record_exception=False,  # a database's error may quote a row
        links=links(record.headers for record in records),
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.consumer.group.name": group,
            "messaging.batch.message_count": len(records),
        },
    )
