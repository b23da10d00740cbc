"""A process that has imported everything already and forks: a Python service that is killed is back in milliseconds.

Chaos runs kill thousands of processes; a second of imports each would be most of their time. What is forked has its own
log and environment, and dies with the zygote.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PR_SET_PDEATHSIG = 1
_ANSWERED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Forked:
    """A process that a zygote made."""

    name: str
    pid: int


class Zygote:
    """A context manager; `modules` are imported once, before the first fork.

    Args:
        modules: names of modules.
        folder: for the logs, `<folder>/<name>.log`.
        on_end: is told of each process that ended, and its exit status (negative: the signal that killed it).
    """

    def __init__(
        self, modules: Sequence[str], folder: Path, on_end: Callable[[Forked, int], None] = lambda _, __: None
    ) -> None:
        self._modules = list(modules)
        self._folder = folder
        self._on_end = on_end
        self._names: dict[int, str] = {}
        self._pids: dict[str, int] = {}
        self._answer: int | None = None
        self._ends: queue.SimpleQueue[tuple[Forked, int] | None] = queue.SimpleQueue()
        self._told = threading.Condition()
        self._asking = threading.Lock()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "alpr_testing.zygote", *self._modules]
        with (self._folder / "zygote.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self._reader = threading.Thread(target=self._read, name="zygote", daemon=True)
        self._teller = threading.Thread(target=self._tell_ends, name="zygote-ends", daemon=True)
        self._reader.start()
        self._teller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(30)
        self._reader.join(30)
        self._teller.join(30)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def start(
        self, name: str, function: str, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> Forked:
        """Fork a process that calls `function` (module:name) with `arguments` as its command line. Names are unique."""
        order = {
            "name": name,
            "function": function,
            "arguments": list(arguments),
            "environment": dict(environment or {}),
            "log": str(self._folder / f"{name}.log"),
        }
        with self._asking, self._told:
            self._answer = None
            self._send(order)
            if not self._told.wait_for(lambda: self._answer is not None, _ANSWERED_WITHIN_S):
                raise RuntimeError(f"the zygote does not answer; see {self._folder / 'zygote.log'}")
            pid = self._answer
        return Forked(name, pid or 0)

    def alive(self, name: str) -> bool:
        """Whether the process `name` runs."""
        with self._told:
            return name in self._pids

    def pid(self, name: str) -> int | None:
        """Its number; None where it has ended."""
        with self._told:
            return self._pids.get(name)

    def signal(self, name: str, number: int) -> bool:
        """Send `number` to `name`; False where it has ended."""
        with self._told:
            pid = self._pids.get(name)
            if pid is None:
                return False
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # it has ended just now; we have not been told yet
                return False
            return True

    def ended(self, name: str, within_s: float) -> bool:
        """Wait for the end of `name`."""
        with self._told:
            return self._told.wait_for(lambda: name not in self._pids, within_s)

    def _send(self, order: Mapping[str, Any]) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the zygote was not started")
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            told = json.loads(line)
            with self._told:
                if "started" in told:
                    self._names[told["started"]] = told["name"]
                    self._pids[told["name"]] = self._answer = told["started"]
                    self._told.notify_all()
                    continue
                forked = Forked(self._names.pop(told["ended"]), told["ended"])
                self._pids.pop(forked.name, None)
                self._told.notify_all()
            self._ends.put((forked, told["status"]))
        self._ends.put(None)

    def _tell_ends(self) -> None:
        """In a thread of its own: who hears of an end may be waiting for a start, whose answer the reader brings."""
        while (end := self._ends.get()) is not None:
            self._on_end(*end)


def main() -> None:
    """Import what the command line names, then fork by orders from standard input until it closes."""
    for module in sys.argv[1:]:
        importlib.import_module(module)
    out = os.dup(1)
    os.dup2(2, 1)  # what a module prints must not stand between our answers
    signal.signal(signal.SIGCHLD, lambda *_: _reap(out))
    for line in sys.stdin.buffer:
        order = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # its start is told before its end
        pid = os.fork()
        if pid == 0:
            _become(order, out)
        _tell(out, {"started": pid, "name": order["name"]})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _tell(out: int, told: Mapping[str, Any]) -> None:
    os.write(out, json.dumps(told).encode() + b"\n")


def _reap(out: int) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(out, {"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _become(order: Mapping[str, Any], out: int) -> None:
    status = 1
    try:
        _prepare(order, out)
        module, _, name = order["function"].partition(":")
        sys.argv = [order["name"], *order["arguments"]]
        getattr(importlib.import_module(module), name)()
        status = 0
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else int(e.code is not None)
    except BaseException:  # noqa: BLE001 - the end of a process: it says why in its log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _prepare(order: Mapping[str, Any], out: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os.environ.update(order["environment"])
    if failpoints := sys.modules.get("alpr_kafka.failpoints"):  # it read the zygote's environment, which has none
        failpoints.arm(os.environ.get("ALPR_FAILPOINT", ""))
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(out)
    time.tzset()


if __name__ == "__main__":
    main()
