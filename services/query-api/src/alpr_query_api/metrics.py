"""The API's own figures, for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alpr_query_api.feed import Feed


class Metrics:
    """One registry an application: tests make many of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "alpr_api_requests_total", "Answers, by route and status.", ["route", "status"], registry=self.registry
        )
        self.took = Histogram(
            "alpr_api_request_seconds", "Time to the first byte, by route.", ["route"], registry=self.registry
        )
        self._followers = Gauge("alpr_api_feed_followers", "Open live feeds.", registry=self.registry)

    def watch(self, feed: Feed) -> None:
        """Count the open feeds of `feed`."""
        self._followers.set_function(lambda: feed.followers)


class Measured:
    """Counts answers under the route's template: no plate and no id becomes a label."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.requests.labels(route, message["status"]).inc()
                self._metrics.took.labels(route).observe(time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, sending)
