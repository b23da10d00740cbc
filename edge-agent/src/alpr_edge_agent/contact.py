"""When the agent last reached the API server, so that the pipeline can let its cameras go when that is too long ago.

The agent writes it, the pipeline judges it: an agent that is dead as well is no reason to serve on. Within one boot the
kernel's boot clock counts, which no change of the time of day moves; over a boot the greater of the wall clock's
difference and the time since boot, because many edge devices have no battery for their clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
WRITE_EVERY_S = 5.0
log = structlog.get_logger(__name__)


class Moment(BaseModel):
    """A moment on both clocks, seconds; `boot` tells which boot the first counts from."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    boot: str
    boot_s: float
    wall_s: float


def moment_now() -> Moment:
    """This one."""
    try:
        boot = KERNEL_BOOT_ID.read_text().strip()
    except OSError:
        boot = ""
    return Moment(boot=boot, boot_s=time.clock_gettime(time.CLOCK_BOOTTIME), wall_s=time.time())


def since_s(contact: Moment, now: Moment) -> float:
    """Seconds between the two, never less than 0. Pure."""
    if contact.boot == now.boot:
        return max(0.0, now.boot_s - contact.boot_s)
    return max(0.0, now.boot_s, now.wall_s - contact.wall_s)


@dataclass(slots=True)
class ContactWriter:
    """The agent's side; any thread may call it."""

    path: Path
    now: Callable[[], Moment] = moment_now
    _last: Moment | None = None

    def reached(self) -> None:
        """The API server answered. Not fsynced: a moment that is lost makes the wait shorter, never longer."""
        now = self.now()
        if self._last is not None and since_s(self._last, now) < WRITE_EVERY_S:
            return
        self._last = now
        temporary = self.path.with_name(f".{self.path.name}.new")
        try:
            temporary.write_text(now.model_dump_json())
            temporary.replace(self.path)
        except OSError as e:
            log.warning("contact_not_written", error=e.strerror)

    def quiet_s(self) -> float:
        """How long the API server has not been reached; infinite before the first time."""
        return since_s(self._last, self.now()) if self._last is not None else float("inf")


@dataclass(slots=True)
class Fence:
    """The pipeline's side."""

    path: Path
    now: Callable[[], Moment] = moment_now
    _began: Moment | None = None

    def closed(self, after_s: float) -> bool:
        """Whether the last contact is more than `after_s` ago; where none is known, since this process looked first."""
        now = self.now()
        self._began = self._began or now
        try:
            contact = Moment.model_validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            contact = self._began
        return since_s(contact, now) > after_s
