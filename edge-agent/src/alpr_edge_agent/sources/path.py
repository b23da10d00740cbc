"""What a file:// address stands for: a clip, a photo, or a folder of both."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from alpr_edge_agent.errors import SourceUnavailable
from alpr_edge_agent.sources import Feed, Source, Surroundings
from alpr_edge_agent.sources.clip import ClipSource
from alpr_edge_agent.sources.still import StillSource

PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
CLIPS = frozenset({".mp4", ".mkv", ".avi", ".mov", ".ts", ".m4v", ".webm", ".mpg", ".mpeg", ".h264", ".h265"})


def path_source(url: str, around: Surroundings, *, loop: bool, realtime: bool) -> Source:
    """The source behind `url`. Raises SourceUnavailable where there is nothing of the kind."""
    path = local_path(url)
    if path.is_dir():
        return FolderSource(path, around)
    if path.suffix.lower() in PHOTOS:
        return StillSource(path, around)
    return ClipSource(path, around, loop=loop, realtime=realtime)


def local_path(url: str) -> Path:
    """The path of file:///absolute/path; percent signs are decoded."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not path.is_absolute():
        raise SourceUnavailable("source.url is no local file; write it as file:///folder/clip.mp4")
    return path


class FolderSource:
    """The photos and clips of a folder, by name; each is a feed with an epoch of its own. Not recursive."""

    endless = False
    paced = False

    def __init__(self, folder: Path, around: Surroundings) -> None:
        self._files = _listed(folder)
        self._around = around
        if not self._files:
            raise SourceUnavailable(f"{folder.name} holds no pictures; put .jpg, .png or .mp4 files into it")

    def open(self) -> Feed | None:
        """See `Source`."""
        if not self._files:
            return None
        path = self._files.pop(0)
        if path.suffix.lower() in PHOTOS:
            return StillSource(path, self._around).open()
        return ClipSource(path, self._around, loop=False, realtime=False).open()


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTOS | CLIPS and path.is_file())
    except OSError as e:
        raise SourceUnavailable(f"{folder.name}: {e.strerror}; make the folder readable") from e
