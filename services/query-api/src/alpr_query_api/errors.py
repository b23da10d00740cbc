"""ApiError
├── Refused      the caller must change something → 4xx
├── Unavailable  the database or image store is down, or asked too much → 503, come again
└── NoKey        the API would be open to the network → it does not start
Each becomes a problem of RFC 9457 that names the field and the fix (`problems.py`).
"""  # noqa: D205 - a drawing

from __future__ import annotations


class ApiError(Exception):
    """An error that the caller, or who runs the API, can act on."""


class Refused(ApiError):
    """A call that cannot be served as it is.

    Attributes:
        status: the HTTP status.
        field: the parameter that is wrong, if it is one.
    """

    def __init__(self, status: int, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.field = status, field


class Unavailable(ApiError):
    """Something the API needs is down or too slow; the same call may succeed later."""


class NoKey(ApiError):
    """The API was asked to listen beyond this machine, and the store holds no key."""
