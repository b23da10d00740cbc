"""The terminal while `alpr up` runs: what is being prepared, then cameras and the latest readings."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alpr_edge_agent.pipeline.status import PipelineStatus
from alpr_schemas.resources import CameraState
from alpr_standalone.readings import ReadingRow

_COLOURS = {
    CameraState.STREAMING: "green",
    CameraState.CONNECTING: "yellow",
    CameraState.ENDED: "dim",
    CameraState.DISABLED: "dim",
}
LATEST = 12


class Screen:
    """Draws for a person, stays quiet in a pipe."""

    def __init__(self, console: Console, address: str) -> None:
        self._console = console
        self._address = address
        self._latest: deque[ReadingRow] = deque(maxlen=LATEST)
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The live table, while this lasts; nothing where no person looks."""
        if not self._console.is_terminal:
            self._console.print(f"alpr is up: {self._address}")
            yield
            return
        with Live(console=self._console, refresh_per_second=4, transient=False) as live:
            self._live = live
            yield
            self._live = None

    def update(self, status: PipelineStatus | None, rows: Sequence[ReadingRow], total: int) -> None:
        """Show what is so now."""
        self._latest.extend(rows)
        if self._live is not None:
            self._live.update(self._drawn(status, total))

    def _drawn(self, status: PipelineStatus | None, total: int) -> RenderableType:
        head = Text.assemble(
            ("Page ", "dim"), (self._address, "bold cyan"), (f"   {total} readings   Ctrl-C ends", "dim")
        )
        problems = [Text(f"! {problem}", style="red") for problem in (status.problems if status else ())]
        return Panel(
            Group(head, *problems, cameras_table(status), self._readings()), title="OVR-ALPR", border_style="blue"
        )

    def _readings(self) -> Table:
        table = Table(expand=True, box=None, header_style="dim")
        for name in ("Time", "Camera", "Plate", "Sure", "Country"):
            table.add_column(name, justify="right" if name == "Sure" else "left")
        for row in reversed(self._latest):
            table.add_row(
                row.captured_at.astimezone().strftime("%H:%M:%S"),
                row.camera,
                Text(row.plate, style="bold"),
                f"{row.confidence:.0%}",
                row.region or "",
            )
        if not self._latest:
            table.add_row(Text("waiting for the first vehicle …", style="dim"), "", "", "", "")
        return table


def cameras_table(status: PipelineStatus | None) -> Table:
    """The cameras with their state and what is wrong."""
    table = Table(expand=True, box=None, header_style="dim")
    for name in ("Camera", "State", "Picture", "Frames/s", "Readings", "What to do"):
        table.add_column(name, justify="right" if name in {"Frames/s", "Readings"} else "left")
    for camera in status.cameras if status else ():
        size = f"{camera.width}x{camera.height} {camera.codec or ''}" if camera.width else ""
        table.add_row(
            camera.name,
            Text(camera.state.value, style=_COLOURS.get(camera.state, "red")),
            size,
            f"{camera.fps:.1f}",
            str(camera.plates),
            camera.reason,
        )
    return table
