"""When a clip or a photo was taken, the same at every reading (docs/decisions/0003-file-times.md)."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

from alpr_edge_agent.durable import write_durably

REMEMBERED = 10_000


def content_digest(path: Path) -> str:
    """SHA-256 of the file's bytes as `sha256:…`: the source epoch of a file. Blocks. Raises OSError."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


class ClipTimes:
    """Start times by content digest: what the file says of itself, else its mtime at the first reading, remembered.

    A copy has another mtime; without the memory the same clip would get other event ids, and be counted twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def start_of(self, clip: Path, digest: str, created_at: datetime | None) -> datetime:
        """When `clip` begins, aware UTC, whole milliseconds. Raises OSError."""
        if created_at is not None:
            return created_at.replace(microsecond=created_at.microsecond // 1000 * 1000)
        with self._lock:
            known = self._load()
            if digest not in known:
                stamp = min(clip.stat().st_mtime, datetime.now(UTC).timestamp())
                known[digest] = int(max(stamp, 0.0) * 1000)
                self._remember(known)
        return datetime.fromtimestamp(known[digest] / 1000, UTC)

    def _remember(self, known: dict[str, int]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        newest = dict(list(known.items())[-REMEMBERED:])
        write_durably(self._path, json.dumps(newest).encode())

    def _load(self) -> dict[str, int]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return {str(key): int(value) for key, value in found.items()} if isinstance(found, dict) else {}
