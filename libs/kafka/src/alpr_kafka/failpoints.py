"""Moments at which a test may have the process die, as a crash or a loss of power would: by SIGKILL, at once.

`ALPR_FAILPOINT=name:count` in the environment arms one: the process ends when it reaches `name` for the count-th time.
Unset, as it is outside of tests, reaching a failpoint costs a comparison.
"""

from __future__ import annotations

import os
import signal

_NAME, _, _COUNT = os.environ.get("ALPR_FAILPOINT", "").partition(":")
_armed = {_NAME: int(_COUNT or 1)} if _NAME else {}


def reach(name: str) -> None:
    """Say that the process is at `name` now."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


def arm(told: str) -> None:
    """Arm `name:count` after the start, for processes that were forked; "" disarms."""
    name, _, count = told.partition(":")
    _armed.clear()
    if name:
        _armed[name] = int(count or 1)
