"""SearchError
├── Unavailable  index or database is down, or asks to come again → commit nothing, back off, try again
├── Misdeployed  a template, an index or a right is not as we need it → stop, somebody must look
└── Unfit        an event that can never be indexed as it is → dead letter, go on
"""  # noqa: D205, D415 - a drawing

from __future__ import annotations


class SearchError(Exception):
    """An error that somebody can act on; its text holds no plate."""


class Unavailable(SearchError):
    """The other side is down, full or closed for writing; the same call may succeed later."""


class Misdeployed(SearchError):
    """What stands in the search engine does not fit this version; the text says what to run."""


class Unfit(SearchError):
    """An event that no index can hold, and why."""
