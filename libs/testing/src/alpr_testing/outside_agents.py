"""Edge agents outside of a cluster: outboxes of this machine that fill, and senders that bring them to its Kafka."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from alpr_testing.event_load import put_witness, witnessed, witnesses

_ENDS_WITHIN_S = 30


@dataclass
class OutsideAgents:
    """Running agents; make them with `running_agents`.

    Attributes:
        folder: for outboxes and logs.
        environment: where Kafka and the registry are, as the agent's own variables.
    """

    folder: Path
    environment: Mapping[str, str]
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, rate: float, seed: int) -> None:
        """Have agent `name` see so many events a second, and send them."""
        self._outbox(name).parent.mkdir(parents=True, exist_ok=True)
        put_witness(self._outbox(name))
        load = ("alpr_testing.event_load", str(self._outbox(name)), name, "--rate", str(rate), "--seed", str(seed))
        self._run(f"load-{name}", *load)
        self._run(f"send-{name}", "alpr_testing.event_sender", str(self._outbox(name)), name)

    def end_load(self) -> None:
        """See nothing more; what is in the outboxes is sent on."""
        self._end("load-")

    def committed(self) -> int:
        """How many events the outboxes have ever taken."""
        return sum(map(witnesses, self._outboxes()))

    def events(self) -> set[UUID]:
        """Those events."""
        return {one.event_id for path in self._outboxes() for one in witnessed(path)}

    def stop(self) -> None:
        """End everything."""
        self._end("")

    def _outbox(self, name: str) -> Path:
        return self.folder / name / "outbox.db"

    def _outboxes(self) -> list[Path]:
        return sorted(self.folder.glob("*/outbox.db"))

    def _run(self, role: str, module: str, *arguments: str) -> None:
        with (self.folder / f"{role}.log").open("ab") as log:
            self._processes[role] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**os.environ, **self.environment}, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def _end(self, prefix: str) -> None:
        ended = [role for role in self._processes if role.startswith(prefix)]
        for role in ended:
            self._processes[role].send_signal(signal.SIGTERM)
        for role in ended:
            try:
                self._processes.pop(role).wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired as e:
                raise AssertionError(f"{role} does not end; see {self.folder}/{role}.log") from e


@contextmanager
def running_agents(folder: Path, environment: Mapping[str, str], count: int, rate: float) -> Iterator[OutsideAgents]:
    """`count` agents that see `rate` events a second together, while this lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    agents = OutsideAgents(folder, environment)
    try:
        for number in range(count):
            agents.start(f"n-{number}", rate / count, number)
        yield agents
    finally:
        agents.stop()
