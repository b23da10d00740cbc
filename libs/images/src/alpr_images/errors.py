"""ImageError
├── BadKey       a key that no picture of ours has → a bug of the caller, or a probe from outside
└── Unavailable  the store is down or full → try again later
"""  # noqa: D205, D415 - a drawing

from __future__ import annotations


class ImageError(Exception):
    """An error of the image store that somebody can act on."""


class BadKey(ImageError, ValueError):
    """A key that could lead anywhere else than to a picture."""


class Unavailable(ImageError):
    """The store cannot be reached, or is full; the same call may succeed later."""
