"""What ends a command, by exit code.

KubeError
├── Refused       1  the API server does not take it, or something nobody foresaw
├── NotThere      3  there is no such site, camera or node → the nearest names
├── NoAccess      4  a right is missing                    → which one
├── NotInstalled  5  the cluster does not know our kinds   → the command that installs them
└── Unreachable   6  no kubectl, or no API server

2 is a command line that makes no sense, as everywhere; 7 a wait that ran out of time.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class KubeError(Exception):
    """Ends a command with a text that says what to do."""

    exit_code: ClassVar[int] = 1


class Refused(KubeError):
    """The API server does not take what was asked, in its own words."""


class NotThere(KubeError):
    """There is nothing of that name."""

    exit_code = 3


class NoAccess(KubeError):
    """The person lacks a right."""

    exit_code = 4


class NotInstalled(KubeError):
    """The cluster does not know AlprSite and Camera."""

    exit_code = 5


class Unreachable(KubeError):
    """kubectl is missing, or the API server does not answer."""

    exit_code = 6


class TooLate(KubeError):
    """What was waited for did not come in time."""

    exit_code = 7


def not_there(kind: str, name: str, where: str, known: Iterable[str]) -> NotThere:
    """There is no `kind` called `name` in `where`; names that are near, or the first few, help on."""
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif names:
        hint = f"there: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
    else:
        hint = f"there is no {kind} at all; add -A to look in all namespaces"
    return NotThere(f"no {kind} {name} in {where}; {hint}")
