"""A fleet of played agents as a process of its own, from a test's point of view."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from alpr_testing.played_agent import Behaviour
from alpr_testing.served import Span, read_spans


@dataclass
class FleetProcess:
    """Agents for `nodes` (node → namespace); a context manager that ends them.

    Attributes:
        kubeconfig: as whom they all reach the API server; through a FaultProxy where it says so.
        folder: for what they are told, what they tell and their log.
        settle_s: seconds from a change to its report; a fifth of what goes by between two reports.
        watch_each: a watch for each agent, as in a real fleet; else one for all.
    """

    kubeconfig: Path
    folder: Path
    nodes: Mapping[str, str]
    settle_s: float = 0.2
    watch_each: bool = True
    process: subprocess.Popen[bytes] | None = None
    _behaviours: dict[str, Behaviour] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start them; they know how to behave from the beginning."""
        self.folder.mkdir(parents=True, exist_ok=True)
        nodes = self.folder / "nodes.json"
        nodes.write_text(json.dumps(dict(self.nodes)))
        self._tell_behaviours()
        command = [sys.executable, "-m", "alpr_testing.fleet", str(self.kubeconfig), str(nodes)]
        command += ["--settle", str(self.settle_s), "--served", str(self._served)]
        command += ["--behaviours", str(self._told), *([] if self.watch_each else ["--one-watch"])]
        with (self.folder / "fleet.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def behave(self, node: str, behaviour: Behaviour) -> None:
        """Have one agent behave so, within a quarter of a second; before the start too."""
        self._behaviours[node] = behaviour
        self._tell_behaviours()

    def stop(self) -> list[Span]:
        """End them, unless they have ended; what they served."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        return self.spans()

    def spans(self) -> list[Span]:
        """What was served and has ended so far; all of it once the fleet has stopped."""
        return read_spans(self._served)

    @property
    def _served(self) -> Path:
        return self.folder / "served.jsonl"

    @property
    def _told(self) -> Path:
        return self.folder / "behaviours.json"

    def _tell_behaviours(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self._told.with_suffix(".new")
        new.write_text(json.dumps({node: asdict(told) for node, told in self._behaviours.items()}))
        new.replace(self._told)
