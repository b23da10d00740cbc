"""The pilot's window, by tkinter: the cameras in a grid; q ends, s saves what is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from alpr_edge_agent.errors import OutputError
from alpr_edge_agent.frames import BgrImage
from alpr_edge_agent.reading.annotate import jpeg

TILE = (640, 360)
REFRESH_MS = 66
_NO_DISPLAY = "--display: there is no screen here ({reason}); leave it out, or set DISPLAY"


class Window:
    """Opens at once. Raises OutputError where there is no screen, or no tkinter."""

    def __init__(self, folder: Path) -> None:
        try:
            import tkinter as tk
        except ImportError as e:
            raise OutputError("--display: this Python has no tkinter; install python3-tk, or leave it out") from e
        try:
            self._root: Any = tk.Tk()
        except tk.TclError as e:
            raise OutputError(_NO_DISPLAY.format(reason=e)) from e
        self._photo = tk.PhotoImage
        self._label: Any = tk.Label(self._root)
        self._label.pack()
        self._root.title("alpr-pilot")
        self._folder = folder
        self._tiles: dict[str, BgrImage] = {}
        self._lock = threading.Lock()

    def show(self, camera: str, image: BgrImage) -> None:
        """`image` is what `camera` shows now; any thread may call it."""
        tile = np.asarray(cv2.resize(image, TILE, interpolation=cv2.INTER_AREA), np.uint8)
        with self._lock:
            self._tiles[camera] = tile

    def run(self, work: Callable[[], int], stop: threading.Event) -> int:
        """Show while `work` runs in a thread, until it ends or q is pressed; what it returned. Main thread only."""
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(work()), name="pipeline")
        thread.start()
        self._root.bind("q", lambda _: stop.set())
        self._root.bind("s", lambda _: self._screenshot())
        self._root.protocol("WM_DELETE_WINDOW", stop.set)
        self._refresh(thread)
        self._root.mainloop()
        thread.join()
        return codes[0] if codes else 1

    def _refresh(self, thread: threading.Thread) -> None:
        if not thread.is_alive():
            self._root.destroy()
            return
        picture = self._grid()
        if picture is not None:
            self._image = self._photo(data=_ppm(picture), format="PPM")
            self._label.configure(image=self._image)
        self._root.after(REFRESH_MS, self._refresh, thread)

    def _screenshot(self) -> None:
        picture = self._grid()
        if picture is not None:
            (self._folder / f"screenshot_{datetime.now(UTC):%Y%m%d_%H%M%S}.jpg").write_bytes(jpeg(picture))

    def _grid(self) -> BgrImage | None:
        with self._lock:
            tiles = [self._tiles[name] for name in sorted(self._tiles)]
        return grid(tiles) if tiles else None


def grid(tiles: list[BgrImage]) -> BgrImage:
    """Equal pictures side by side, as near to a square as they go; empty places are black."""
    across = int(np.ceil(np.sqrt(len(tiles))))
    empty = np.zeros_like(tiles[0])
    padded = [*tiles, *[empty] * (-len(tiles) % across)]
    rows = [np.hstack(padded[at : at + across]) for at in range(0, len(padded), across)]
    return np.vstack(rows)


def _ppm(picture: BgrImage) -> bytes:
    height, width = picture.shape[:2]
    return f"P6 {width} {height} 255 ".encode() + picture[:, :, ::-1].tobytes()
