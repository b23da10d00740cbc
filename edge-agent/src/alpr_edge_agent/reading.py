"""`alpr read`: inputs in, readings out; one that fails is named and the others go on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from alpr_edge_agent.annotate import draw, jpeg
from alpr_edge_agent.errors import EdgeError, OutputError, PhotoError
from alpr_edge_agent.photo_reader import PhotoReader, PhotoReading, open_photo_reader, resized
from alpr_edge_agent.photos import PHOTO_SUFFIXES, Photo, open_photo
from alpr_edge_agent.reading_formats import Format, Writer, open_writer
from alpr_edge_agent.sources.path import CLIPS


def read_all(paths: Sequence[Path], kind: Format, annotate: Path | None, models_dir: Path | None) -> int:
    """Read everything under `paths`, write to stdout, and return how many inputs failed; each is named on stderr.

    Raises:
        ModelUnavailable: a model is missing; nothing was read.
        OutputError: `annotate` cannot be written to.
    """
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    reader = open_photo_reader(models_dir)
    job = _Job(reader, open_writer(kind, sys.stdout, Console(highlight=False, markup=False)), annotate, errors)
    # A bar among lines that go to the same screen would tear them.
    quiet = not errors.is_terminal or (kind != "table" and sys.stdout.isatty())
    inputs = job.inputs(paths)
    for path in track(inputs, "Reading", console=errors, transient=True, disable=quiet or len(inputs) < 2):
        job.read(path)
    job.writer.close()
    return job.failed


def find_inputs(path: Path) -> list[Path]:
    """The photos and clips that `path` stands for: itself, or all in the folder and its folders, by name.

    Raises:
        PhotoError: it does not exist, or the folder holds none.
    """
    if not path.exists():
        raise PhotoError(f"{path}: no such file or folder; check the path")
    if not path.is_dir():
        return [path]
    known = PHOTO_SUFFIXES | CLIPS
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in known and file.is_file())
    if not found:
        raise PhotoError(f"{path}: the folder holds no pictures or clips; put files ending in {_listed(known)} there")
    return found


class _Job:
    """One run of the command: what it reads with, where it writes, and how many inputs failed."""

    def __init__(self, reader: PhotoReader, writer: Writer, annotate: Path | None, errors: Console) -> None:
        self.failed = 0
        self.writer = writer
        self._reader = reader
        self._annotate = annotate
        self._errors = errors

    def inputs(self, paths: Sequence[Path]) -> list[Path]:
        found: list[Path] = []
        for path in paths:
            try:
                found += find_inputs(path)
            except PhotoError as error:
                self._fail(error)
        return found

    def read(self, path: Path) -> None:
        try:
            photo = open_photo(path)
        except PhotoError as error:
            self._fail(error)
            return
        reading = self._reader.read(photo, str(path))
        self.writer.write(reading)
        if self._annotate is not None:
            write_annotated(photo, reading, self._annotate)

    def _fail(self, error: EdgeError) -> None:
        self.failed += 1
        self._errors.print(f"Error: {error}")


def write_annotated(photo: Photo, reading: PhotoReading, folder: Path) -> Path:
    """Write `photo` with its plates drawn into `folder`, under a name that is not taken. Raises OutputError."""
    marks = [(resized(plate.box, 1 / photo.scale), f"{plate.text} {plate.confidence:.2f}") for plate in reading.plates]
    content = jpeg(draw(photo.image, marks))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write_new(folder, Path(reading.source).stem, content)
    except OSError as error:
        raise OutputError(f"--annotate {folder}: cannot be written to ({error}); choose another folder") from error


def _write_new(folder: Path, stem: str, content: bytes) -> Path:
    number = 1
    while True:  # photos of several folders may share a name, and an older run's are kept
        path = folder / (f"{stem}.jpg" if number == 1 else f"{stem}-{number}.jpg")
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            number += 1
        else:
            return path


def _listed(suffixes: frozenset[str]) -> str:
    return ", ".join(sorted(suffixes))
