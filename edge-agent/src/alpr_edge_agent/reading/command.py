"""`alpr read`: inputs in, readings out; one that fails is named and the others go on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.progress import track

from alpr_edge_agent.errors import OutputError, PhotoError, SourceUnavailable
from alpr_edge_agent.frames import BgrImage, Box
from alpr_edge_agent.passes.analysis import SettledPlate
from alpr_edge_agent.photos import PHOTO_SUFFIXES, open_photo
from alpr_edge_agent.photos.reader import PhotoReader, PlateRead, open_photo_reader, resized
from alpr_edge_agent.reading.annotate import draw, jpeg
from alpr_edge_agent.reading.clips import ClipReader, open_clip_reader
from alpr_edge_agent.reading.formats import Format, Writer, open_writer
from alpr_edge_agent.sources.path import CLIPS


def read_all(paths: Sequence[Path], kind: Format, annotate: Path | None, models_dir: Path | None) -> int:
    """Read everything under `paths`, write to stdout, and return how many inputs failed; each is named on stderr.

    Raises:
        ModelUnavailable: a model is missing; nothing was read.
        OutputError: `annotate` cannot be written to.
    """
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    writer = open_writer(kind, sys.stdout, Console(highlight=False, markup=False))
    job = _Job(Readers(models_dir), writer, annotate, errors)
    # A bar among lines that go to the same screen would tear them.
    quiet = not errors.is_terminal or (kind != "table" and sys.stdout.isatty())
    inputs = job.inputs(paths)
    for path in track(inputs, "Reading", console=errors, transient=True, disable=quiet or len(inputs) < 2):
        job.read(path)
    writer.close()
    return job.failed


class Readers:
    """The readers of photos and clips; each loads its models when first used."""

    def __init__(self, models_dir: Path | None) -> None:
        self._models_dir = models_dir

    @cached_property
    def photos(self) -> PhotoReader:
        """For pictures. Raises ModelUnavailable."""
        return open_photo_reader(self._models_dir)

    @cached_property
    def clips(self) -> ClipReader:
        """For video files. Raises ModelUnavailable."""
        return open_clip_reader(self._models_dir)


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

    def __init__(self, readers: Readers, writer: Writer, annotate: Path | None, errors: Console) -> None:
        self.failed = 0
        self._readers = readers
        self._writer = writer
        self._annotate = annotate
        self._errors = errors

    def inputs(self, paths: Sequence[Path]) -> list[Path]:
        found: list[Path] = []
        for path in paths:
            try:
                found += find_inputs(path)
            except PhotoError as error:
                self._fail(str(error))
        return found

    def read(self, path: Path) -> None:
        try:
            if path.suffix.lower() in CLIPS:
                self._read_clip(path)
            else:
                self._read_photo(path)
        except PhotoError as error:
            self._fail(str(error))
        except SourceUnavailable as error:
            self._fail(f"{path}: {error}")

    def _read_photo(self, path: Path) -> None:
        photo = open_photo(path)
        reading = self._readers.photos.read(photo, str(path))
        self._writer.write(reading)
        if self._annotate is not None:
            marks = [(resized(plate.box, 1 / photo.scale), _mark(plate)) for plate in reading.plates]
            write_annotated(photo.image, marks, self._annotate, path.stem)

    def _read_clip(self, path: Path) -> None:
        for vehicle in self._readers.clips.read_file(path):
            self._writer.write(vehicle)
            if self._annotate is not None:
                marks = [(vehicle.plate.box, _mark(vehicle.plate))]
                write_annotated(vehicle.image, marks, self._annotate, f"{path.stem}-{vehicle.shot_s:.1f}s")

    def _fail(self, message: str) -> None:
        self.failed += 1
        self._errors.print(f"Error: {message}")


def write_annotated(image: BgrImage, marks: Sequence[tuple[Box, str]], folder: Path, stem: str) -> Path:
    """Write `image` with its (box, text) drawn into `folder`, under a name that is not taken. Raises OutputError."""
    content = jpeg(draw(image, marks))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write_new(folder, stem, content)
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


def _mark(plate: PlateRead | SettledPlate) -> str:
    return f"{plate.text} {plate.confidence:.2f}"


def _listed(suffixes: frozenset[str]) -> str:
    return ", ".join(sorted(suffixes))
