"""A browser exchanges a key for a cookie that no script can read."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from alpr_query_api.access import COOKIE, cookie, shown
from alpr_query_api.errors import Refused
from alpr_query_api.models import SessionRequest
from alpr_query_api.parts import Given

router = APIRouter(tags=["session"])


@router.get("/session")
def session(parts: Given, request: Request) -> dict[str, bool]:
    """Whether this caller is in: `required` says if a key is asked for, `open` if this call showed one."""
    required = bool(request.app.state.settings.asks_for_key)
    return {"required": required, "open": not required or parts.keys.opens_any(shown(request.headers))}


@router.post("/session", status_code=204, responses={401: {}})
def sign_in(parts: Given, request: Request, asked: SessionRequest) -> Response:
    """Exchange a key for a cookie; a wrong key gets 401."""
    token = parts.keys.open_session(asked.key)
    if token is None:
        raise Refused(401, "no such key, or it was withdrawn; alpr keys create makes one", "key")
    response = Response(status_code=204)
    lasts = round(request.app.state.settings.session_hours * 3600)
    response.set_cookie(
        COOKIE, token, max_age=lasts, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response


@router.delete("/session", status_code=204)
def sign_out(parts: Given, request: Request) -> Response:
    """Forget the cookie here and there."""
    token = cookie(request.headers)
    if token:
        parts.keys.end_session(token)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response
