"""Probes and metrics of a service that is no web server: /health, /ready, /metrics in one small thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

_TEXT = "text/plain; charset=utf-8"


class Readiness:
    """Whether a service does its work, and if not, why; threads may tell and ask."""

    def __init__(self, why_not: str = "starting") -> None:
        self._why_not = why_not

    def tell(self, ready: bool, why: str = "") -> None:  # noqa: FBT001 - (ready, why) as consumers tell it
        """Ready or not; `why` is one sentence."""
        self._why_not = "" if ready else why or "not ready"

    @property
    def why_not(self) -> str:
        """Empty where it is ready."""
        return self._why_not


@contextmanager
def served(port: int, readiness: Readiness, *, host: str = "", registry: CollectorRegistry = REGISTRY) -> Iterator[int]:
    """Serve until the block is left; yields the port. Port 0 serves nothing and yields 0.

    /health answers 200 as long as the process lives; /ready 503 and the reason while it is not ready. Raises OSError
    where the port is taken.
    """
    if port == 0:
        yield 0
        return
    with listening(port, readiness, host=host, registry=registry) as there:
        yield there


@contextmanager
def listening(
    port: int, readiness: Readiness, *, host: str = "", registry: CollectorRegistry = REGISTRY
) -> Iterator[int]:
    """As `served`, but port 0 takes a free one."""
    server = ThreadingHTTPServer((host, port), _handler(readiness, registry))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="serving", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(readiness: Readiness, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif path == "/health":
                self._answer(200, _TEXT, b"ok\n")
            elif path == "/ready":
                why_not = readiness.why_not
                self._answer(503 if why_not else 200, _TEXT, f"{why_not or 'ok'}\n".encode())
            else:
                self._answer(404, _TEXT, b"/health, /ready, /metrics\n")

        def _answer(self, status: int, content: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes come every few seconds: nothing to tell."""

    return Handler
