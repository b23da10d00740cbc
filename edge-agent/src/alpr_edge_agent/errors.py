"""EdgeError
├── ModelUnavailable     weights are not installed, or are not what they should be → install them
├── BackendUnavailable   the runtime of a backend is missing → install its extra, or choose another
└── PhotoError           this picture cannot be read → named, skipped, the others go on
Anything else is a bug: let it end the process.
"""  # noqa: D205 - a drawing

from __future__ import annotations


class EdgeError(Exception):
    """An error of the edge agent that somebody can act on; its text says what to do."""


class ModelUnavailable(EdgeError):
    """Weights are not installed, or their digest is not the pinned one."""


class BackendUnavailable(EdgeError):
    """The runtime behind a backend is not installed."""


class PhotoError(EdgeError):
    """A picture cannot be read."""
