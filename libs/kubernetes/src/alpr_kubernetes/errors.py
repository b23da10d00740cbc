"""What the API server answered, or that it did not.

ApiError
├── NotFound      there is no such object (404)
├── Conflict      another one wrote in between, or it exists already (409)
├── Expired       that resourceVersion is too old to go on from (410)
├── Forbidden     our ServiceAccount lacks a right (401, 403)
├── Refused       the object is not valid (400, 422)
├── Throttled     the server asks us to wait (429, or 503 with Retry-After)
└── Unavailable   no answer, or one that says nothing about the object (5xx).
"""

from __future__ import annotations

import json
from typing import Any


class ApiError(Exception):
    """An answer that is no success.

    Attributes:
        status: the HTTP status; 0 where there was no answer.
        reason: Kubernetes' one-word reason, such as AlreadyExists.
        retry_after_s: how long the server asks to wait, where it said so.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s


class NotFound(ApiError):
    """There is no such object."""


class Conflict(ApiError):
    """Another one wrote in between, or the object exists already."""


class Expired(ApiError):
    """The server has forgotten that resourceVersion: list anew."""


class Forbidden(ApiError):
    """Our identity lacks the right."""


class Refused(ApiError):
    """The object is not valid."""


class Throttled(ApiError):
    """The server asks us to wait."""


class Unavailable(ApiError):
    """The server did not answer, or could not."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Refused,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Refused,
    429: Throttled,
}


def error_of(status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """The error for an answer; `body` is a Status object or anything else."""
    told = _status_object(body)
    wait_s = float(retry_after) if retry_after and retry_after.isdigit() else None
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else ApiError)
    if status == 503 and wait_s is not None:
        kind = Throttled
    message = str(told.get("message") or body[:300].decode(errors="replace") or f"HTTP {status}")
    return kind(status, str(told.get("reason") or ""), message, wait_s)


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
