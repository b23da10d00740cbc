"""Who gets in: the Host that was asked for, other web pages, keys and cookies; and the headers of every answer.

On loopback anybody on this machine may read; a web page somewhere else may not, neither by naming this address under a
host of its own (DNS rebinding) nor by a call from its own origin. On any other address a key is asked for.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alpr_query_api.errors import Unavailable
from alpr_query_api.keys import KeyRing
from alpr_query_api.problems import problem
from alpr_query_api.settings import ApiSettings, is_loopback

COOKIE = "alpr_session"
_OPEN = {"/", "/health", "/session", "/docs", "/redoc"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Gate:
    """Stands before the whole application."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, keys: KeyRing) -> None:
        self._app, self._settings, self._keys = app, settings, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._wrong_host(headers) or _foreign(scope["method"], headers)
        if refusal is None and self._settings.asks_for_key and not _is_open(scope["path"]):
            refusal = await self._without_key(headers)
        await (refusal or self._app)(scope, receive, _with_headers(send))

    def _wrong_host(self, headers: Headers) -> Response | None:
        host = _host_of(headers.get("host", ""))
        known = {self._settings.host, *self._settings.allowed_hosts}
        # Where a key is asked for, a name that points here by a trick has no cookie of ours to bring.
        if is_loopback(host) or host in known or (self._settings.asks_for_key and not self._settings.allowed_hosts):
            return None
        return problem(421, "this API answers to its own address only; ALPR_API_ALLOWED_HOSTS adds a name")

    async def _without_key(self, headers: Headers) -> Response | None:
        try:
            if await run_in_threadpool(self._keys.opens_any, shown(headers)):
                return None
        except Unavailable as e:
            return problem(503, str(e), headers={"Retry-After": "2"})
        return problem(
            401,
            "send a key: Authorization: Bearer KEY; alpr keys create makes one",
            headers={"WWW-Authenticate": 'Bearer realm="alpr"'},
        )


def shown(headers: Headers) -> list[str]:
    """The key and the session that a call shows, as far as it does."""
    return [token for token in (bearer(headers), cookie(headers)) if token]


def bearer(headers: Headers) -> str | None:
    """The key that a call shows."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookie(headers: Headers) -> str | None:
    """The session that a browser shows."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel else None


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith("/static/")


def _host_of(header: str) -> str:
    host = header.rpartition("]")[0] + "]" if header.startswith("[") else header.partition(":")[0]
    return host.strip("[]").lower()


def _foreign(method: str, headers: Headers) -> Response | None:
    """Refuse what another site's page sends; a person who follows a link is welcome."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    follows_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    other_site = site in {"cross-site", "same-site"} and not follows_link
    other_origin = method not in _SAFE and origin is not None and origin.partition("://")[2] != headers.get("host")
    if other_site or other_origin:
        return problem(403, "calls from the pages of other sites are refused")
    return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
