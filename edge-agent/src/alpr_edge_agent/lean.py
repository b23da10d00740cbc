"""What a process without a terminal does well without: some megabytes on every node of a fleet."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final, cast

TERMINAL: Final = ("rich", "pygments")
"""What draws on terminals; structlog and httpx import them where they find them, for consoles that are not there."""


def keep_out(names: tuple[str, ...] = TERMINAL) -> None:
    """Have imports of `names` fail from now on in this process, as if they were not installed.

    First line of a daemon, before other imports; what is imported already stays.
    """
    modules = cast("dict[str, ModuleType | None]", sys.modules)  # None is the documented mark of what is not there
    for name in names:
        modules.setdefault(name, None)
