"""The process group: each part in a process of its own, restarted when it dies, ended with its parent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

STOP_AFTER_S = 6.0
CALM_AFTER_S = 60.0
FIRST_PAUSE_S = 0.5
MOST_PAUSE_S = 30.0
LOG_BYTES = 20_000_000
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Part:
    """One process of the group.

    Attributes:
        argv: how it is started; it holds no secret.
        environment: what it is told beside our own environment.
        log: where its output goes; moved aside at a start once it is large.
        ends: an exit with 0 means that its work is done.
    """

    name: str
    argv: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ends: bool = False
    starts: int = 0
    process: subprocess.Popen[bytes] | None = None
    _started_at: float = 0.0
    _pause_s: float = 0.0
    _again_at: float = 0.0

    @property
    def done(self) -> bool:
        """Whether it ended because its work was done."""
        return self.ends and self.process is not None and self.process.poll() == 0

    def start(self) -> None:
        """Start it now."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*_dies_with_us(), *self.argv],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.starts += 1
        self._started_at = time.monotonic()

    def look(self) -> None:
        """Start it again where it died; sooner the longer it lived."""
        if self.process is None or self.process.poll() is None or self.done:
            return
        now = time.monotonic()
        if not self._again_at:
            lived_s = now - self._started_at
            self._pause_s = (
                FIRST_PAUSE_S if lived_s > CALM_AFTER_S else min(MOST_PAUSE_S, max(FIRST_PAUSE_S, self._pause_s * 2))
            )
            self._again_at = now + self._pause_s
            log.warning("part_died", part=self.name, code=self.process.returncode, lived_s=round(lived_s, 1))
        elif now >= self._again_at:
            self._again_at = 0.0
            self.start()


def _dies_with_us() -> list[str]:
    """A prefix that has the kernel end a part when this process dies, even by kill -9."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def stop_all(parts: Sequence[Part]) -> None:
    """Ask all to end, in order, together; whoever has not within six seconds is killed."""
    running = [p.process for p in parts if p.process is not None and p.process.poll() is None]
    for process in running:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_AFTER_S
    for process in running:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
