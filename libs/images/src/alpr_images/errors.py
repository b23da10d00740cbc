"""ImageError
├── BadKey               a key that no picture of ours has → a bug of the caller, or a probe from outside
├── CredentialsUnusable  the file of credentials cannot be read → mount or correct the Secret
└── Unavailable          the store is down, full, or refuses us → try again later
"""  # noqa: D205, D415 - a drawing

from __future__ import annotations


class ImageError(Exception):
    """An error of the image store that somebody can act on."""


class BadKey(ImageError, ValueError):
    """A key that could lead anywhere else than to a picture."""


class CredentialsUnusable(ImageError):
    """The file of credentials is missing, or says nothing that can be used; the text holds nothing of it."""


class Unavailable(ImageError):
    """The store cannot be reached, is full, or refuses us; the same call may succeed later."""
