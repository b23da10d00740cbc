"""Between a camera's decoding thread and the loop: newest frame wins, or every frame in order."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from alpr_edge_agent.sources import CameraFrame

EVERY_FRAME_DEPTH = 4
MAX_ENDS = 8


@dataclass(frozen=True, slots=True)
class FeedEnded:
    """No further frame of `epoch` comes."""

    epoch: str


Item = CameraFrame | FeedEnded


class Mailbox:
    """Filled by one thread, emptied by another; `work` is set whenever there is something, for all cameras together."""

    def __init__(self, work: threading.Event, stop: threading.Event) -> None:
        self._work = work
        self._stop = stop
        self._items: deque[Item] = deque()
        self._room = threading.Condition()

    def offer(self, frame: CameraFrame) -> bool:
        """Put `frame`, in place of one that was not fetched; False where one was dropped. Never blocks."""
        with self._room:
            dropped = bool(self._items) and isinstance(self._items[-1], CameraFrame)
            if dropped:
                self._items.pop()
            self._items.append(frame)
        self._work.set()
        return not dropped

    def put(self, item: Item) -> None:
        """Put `item` behind the others; blocks while the box is full, until the camera is stopped."""
        depth = MAX_ENDS if isinstance(item, FeedEnded) else EVERY_FRAME_DEPTH
        with self._room:
            while len(self._items) >= depth and not self._stop.is_set():
                self._room.wait(0.1)
            self._items.append(item)
        self._work.set()

    def take(self) -> Item | None:
        """The oldest item; None where there is none. Never blocks."""
        with self._room:
            if not self._items:
                return None
            self._room.notify()
            return self._items.popleft()

    def __len__(self) -> int:
        return len(self._items)
