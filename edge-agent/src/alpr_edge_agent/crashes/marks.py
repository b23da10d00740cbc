"""Marks: which cameras stand inside a native call, in a shared file that outlives the process.

A mark costs one byte written to mapped memory. After a crash the next process reads who was marked.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

STAGES: Final = ("decode", "detect", "read")
SLOTS: Final = 64
_SLOT: Final = struct.Struct("<64s3B5xQ48x")
_THREAD_AT: Final = 72


@dataclass(frozen=True, slots=True)
class Mark:
    """A camera that was inside a native call; `thread` is the one that decodes it, 0 where none did."""

    camera: str
    stages: tuple[str, ...]
    thread: int


class Marks:
    """The writing side: one process, a slot a camera."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.ftruncate(descriptor, SLOTS * _SLOT.size)
            self._map = mmap.mmap(descriptor, SLOTS * _SLOT.size)
        finally:
            os.close(descriptor)
        self._map[:] = bytes(SLOTS * _SLOT.size)
        self._slots: dict[str, int] = {}
        self._lock = threading.Lock()

    def guard(self, camera: str, stage: str) -> Guarded:
        """A context to enter around native calls of `stage` for `camera`; one thread at a time may be inside."""
        at = self._slot(camera) * _SLOT.size
        return Guarded(self._map, at + 64 + STAGES.index(stage), at + _THREAD_AT if stage == "decode" else None)

    def release(self, camera: str) -> None:
        """`camera` is gone; its slot is free again."""
        with self._lock:
            slot = self._slots.pop(camera, None)
        if slot is not None:
            self._map[slot * _SLOT.size : (slot + 1) * _SLOT.size] = bytes(_SLOT.size)

    def _slot(self, camera: str) -> int:
        with self._lock:
            if camera not in self._slots:
                slot = min(set(range(SLOTS)) - set(self._slots.values()))
                self._slots[camera] = slot
                name = camera.encode()[:64]
                self._map[slot * _SLOT.size : slot * _SLOT.size + len(name)] = name
            return self._slots[camera]


class Guarded:
    """Marked inside, unmarked outside."""

    __slots__ = ("_at", "_map", "_thread_at")

    def __init__(self, mapped: mmap.mmap, at: int, thread_at: int | None) -> None:
        self._map = mapped
        self._at = at
        self._thread_at = thread_at

    def __enter__(self) -> None:
        if self._thread_at is not None:
            self._map[self._thread_at : self._thread_at + 8] = threading.get_ident().to_bytes(8, "little")
        self._map[self._at] = 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._map[self._at] = 0


def read_marks(path: Path) -> tuple[Mark, ...]:
    """Who was marked when the process that wrote `path` ended; empty where there is no such file."""
    try:
        data = path.read_bytes()
    except OSError:
        return ()
    found = []
    for at in range(0, len(data) - _SLOT.size + 1, _SLOT.size):
        name, *flags, thread = _SLOT.unpack_from(data, at)
        stages = tuple(stage for stage, flag in zip(STAGES, flags, strict=True) if flag)
        if stages and name.strip(b"\0"):
            found.append(Mark(name.rstrip(b"\0").decode(errors="replace"), stages, int(thread)))
    return tuple(found)
