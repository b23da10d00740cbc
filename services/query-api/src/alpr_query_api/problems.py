"""Errors as problem documents (RFC 9457): what is wrong, in which field, and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from alpr_query_api.errors import Refused, Unavailable

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger(__name__)


def problem(status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """A problem document; `more` are its extension members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(
        body | {k: v for k, v in more.items() if v is not None}, status, headers=headers, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Have `app` answer every error as a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)  # noqa: S101 - tells the type checker
    return problem(error.status, str(error), field=error.field)


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return problem(503, str(error), headers={"Retry-After": "2"})


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - tells the type checker
    errors = [{"field": str(e["loc"][-1]), "place": str(e["loc"][0]), "detail": e["msg"]} for e in error.errors()]
    first = errors[0]
    return problem(422, f"{first['field']}: {first['detail']}", field=first["field"], errors=errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - tells the type checker
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == "Not Found":
        detail = f"there is no {request.url.path}; /docs lists what there is"
    return problem(error.status_code, detail, headers=dict(error.headers or {}))


async def _bug(request: Request, error: Exception) -> JSONResponse:
    log.error("request_failed", route=request.url.path.split("/")[1], kind=type(error).__name__)
    return problem(500, "an error of ours; it stands in the log of the API")
