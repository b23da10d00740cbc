"""Whether the node's disk is nearly full: then pictures, and at last the oldest events, are lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alpr_schemas.resources import Condition

LOW_SHARE = 0.05
FINE_SHARE = 0.08
LOW_BYTES = 200_000_000


@dataclass(slots=True)
class DiskGauge:
    """Looks at the disk under `folder`; goes on at 5 % free (or 200 MB) and off at 8 %, so that it does not flap."""

    folder: Path
    usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
    _low: bool = False

    @property
    def condition(self) -> Condition:
        """DiskPressure."""
        try:
            total, _, free = self.usage(self.folder)
        except OSError as e:
            message = f"the node's folder cannot be looked at ({e.strerror}); check the disk"
            return Condition(type="DiskPressure", status="True", reason="DiskUnreadable", message=message)
        share = free / total if total else 0.0
        self._low = free < LOW_BYTES or share < (FINE_SHARE if self._low else LOW_SHARE)
        if not self._low:
            return Condition(type="DiskPressure", status="False", reason="EnoughSpace")
        return Condition(
            type="DiskPressure",
            status="True",
            reason="LittleSpace",
            message=f"less than {FINE_SHARE:.0%} or {LOW_BYTES // 10**6} MB of the node's disk is free; free some, or"
            " evidence pictures and then the oldest events are lost",
        )
