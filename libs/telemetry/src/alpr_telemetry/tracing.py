"""Traces: switched on by OTEL_EXPORTER_OTLP_ENDPOINT, and nothing at all without it. Set up once, by `traced`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)
_ENDED_WITHIN_MS = 3000


def wanted() -> bool:
    """Whether somebody told where spans go."""
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))


@contextmanager
def traced(service: str) -> Iterator[None]:
    """Send spans of `service` by OTLP over HTTP while this lasts, where that is wanted.

    All else is OpenTelemetry's own variables: OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS and so on.
    """
    if not wanted():
        yield
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("no_traces", fix="install alpr-telemetry[traces], or unset OTEL_EXPORTER_OTLP_ENDPOINT")
        yield
        return
    provider = TracerProvider(resource=Resource.create({"service.name": f"alpr-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.force_flush(_ENDED_WITHIN_MS)
        provider.shutdown()
