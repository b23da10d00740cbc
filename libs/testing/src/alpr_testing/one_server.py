"""A server of one process on one data folder: started, killed, paused; its data and its ports stay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from alpr_testing.server_processes import ServerProcesses
from alpr_testing.waiting import until

_START_WITHIN_S = 300  # an index that was killed replays its log first


class OneServer(ABC):
    """What such servers have in common.

    Attributes:
        name: of the server; its log is `<folder>/<name>.log`.
        folder: for its data and its log.
    """

    name: str

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._processes = ServerProcesses(folder, environment or {})

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Program and arguments; asked for at each start."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether clients are served now."""

    def start(self) -> None:
        """Start it, on the data that is there, and wait until it answers. Raises RuntimeError where it ends."""
        program, *arguments = self._command()
        self._processes.start(self.name, Path(program), {}, arguments)
        until(self._up, _START_WITHIN_S, f"{self.name} answers; see {self.folder}/{self.name}.log")

    def kill(self) -> None:
        """End it by SIGKILL; its data stays."""
        self._processes.kill(self.name)

    def stop(self) -> None:
        """End it politely (SIGTERM); its data stays."""
        self._processes.stop(self.name)

    def pause(self) -> None:
        """Stop it amid whatever it does; its connections stay open."""
        self._processes.pause(self.name)

    def resume(self) -> None:
        """Let it go on."""
        self._processes.resume(self.name)

    def close(self) -> None:
        """End it for good."""
        self._processes.kill_all()

    def _up(self) -> bool:
        self._processes.check(self.name)
        return self._answers()


def answers_http(url: str) -> bool:
    """Whether `url` answers with success, within two seconds."""
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False
