"""Spans of batches leave by OTLP, with a link to each record's trace; without an address nothing is even looked at."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from alpr_kafka.records import Place, Record
from alpr_kafka.tracing import HEADER, MOST_LINKS, links, processing
from alpr_telemetry.tracing import traced

pytestmark = pytest.mark.integration
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def record(traceparent, n=0):
    headers = ((HEADER, traceparent),) if traceparent is not None else ()
    return Record("alpr.events.plates", b"", Place("alpr.events.plates", 0), n, headers=headers)


def of(*told):
    return links(record(one).headers for one in told)


@contextmanager
def receiver():
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def fresh_provider(monkeypatch):
    """OpenTelemetry lets a process set its provider once."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", type(trace._TRACER_PROVIDER_SET_ONCE)())


@pytest.mark.usefixtures("fresh_provider")
def test_a_batch_is_one_span_with_a_link_to_each_records_trace(monkeypatch):
    with receiver() as (address, taken):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        batch = [record(f"00-{TRACE}-{SPAN}-01".encode()), record(None, 1), record(b"nonsense", 2)]
        with traced("storage-consumer"), processing("alpr-storage-consumer")(batch):
            pass
    (resource,) = [one for told in taken for one in told.resource_spans]
    service = {pair.key: pair.value.string_value for pair in resource.resource.attributes}["service.name"]
    (span,) = resource.scope_spans[0].spans
    attributes = {pair.key: pair.value for pair in span.attributes}
    assert service == "alpr-storage-consumer"
    assert span.name == "process alpr.events.plates"
    assert attributes["messaging.batch.message_count"].int_value == 3
    assert attributes["messaging.consumer.group.name"].string_value == "alpr-storage-consumer"
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in span.links] == [(TRACE, SPAN)]


def test_without_an_address_no_header_is_read(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)

    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"{name} was read")

    with traced("x"), processing("group")([Untouchable()]):
        pass


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"00",
        f"00-{TRACE}-{SPAN}-00".encode(),  # not sampled: there is no such trace to link to
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE.upper()}-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN}-01-more".encode(),
        b"\xff\0",
    ],
)
def test_what_is_malformed_or_not_sampled_is_passed_over(told):
    assert of(told) == []


def test_links_are_distinct_and_end_at_128():
    many = [f"00-{TRACE}-{n:016x}-01".encode() for n in range(1, 400)]
    assert len(of(*many)) == MOST_LINKS
    assert len(of(many[0], many[0], many[1])) == 2
