"""Server processes of a test: started, paused, killed; none outlives the test run, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path


class ServerProcesses:
    """Processes by name, each with a log `<folder>/<name>.log`.

    The kernel kills them when the thread ends that started them (PR_SET_PDEATHSIG), so one thread of ours starts all:
    a test run that is itself killed leaves none behind, and a test's own threads may come and go.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._starter = ThreadPoolExecutor(1, "servers")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, program: Path, flags: Mapping[str, str], arguments: Sequence[str] = ()) -> None:
        """Start `program` as `name`, with `arguments` and then `flags` (without their dashes)."""
        told = [*arguments, *(f"--{key}={value}" for key, value in flags.items())]
        command = ["setpriv", "--pdeathsig", "KILL", str(program), *told]
        self._running[name] = self._starter.submit(self._started, name, command).result()

    def _started(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log(name).open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=self._folder, env=self._environment
            )

    def check(self, name: str) -> None:
        """Raise RuntimeError with the end of its log where `name` has ended by itself."""
        process = self._running.get(name)
        if process is not None and process.poll() is not None:
            told = self._log(name).read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{name} has ended with status {process.returncode}:\n{told}")

    def items(self) -> list[tuple[str, subprocess.Popen[bytes]]]:
        """What was started and not killed, by name."""
        return list(self._running.items())

    def pause(self, name: str) -> None:
        """Stop it amid whatever it does; its connections stay open."""
        self._running[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on."""
        self._running[name].send_signal(signal.SIGCONT)

    def kill(self, name: str) -> None:
        """End it by SIGKILL, if it runs."""
        process = self._running.pop(name, None)
        if process is not None:
            process.kill()
            process.wait(30)

    def stop(self, name: str, within_s: float = 30) -> None:
        """Ask it to end (SIGTERM) and wait until it has, if it runs; SIGKILL where it does not."""
        process = self._running.get(name)
        if process is not None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(within_s)
            self.kill(name)

    def kill_all(self) -> None:
        """End all, the youngest first; nothing can be started afterwards."""
        for name in reversed(list(self._running)):
            self.kill(name)
        self._starter.shutdown()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"
