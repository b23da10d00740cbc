"""`alpr evaluate`: read labelled photos, score, compare, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import OutputError, PhotoError
from alpr_edge_agent.evaluate.labels import Label, read_labels
from alpr_edge_agent.evaluate.report import percent, render
from alpr_edge_agent.evaluate.run import (
    Judged,
    Run,
    SavedPhoto,
    SavedPlate,
    by_photo,
    compare_runs,
    judge_run,
    read_run,
    scores,
    speed_ms,
)
from alpr_edge_agent.evaluate.score import Comparison, Score
from alpr_edge_agent.frames import BgrImage
from alpr_edge_agent.photos import load_photo
from alpr_edge_agent.photos.reader import PhotoReader, open_photo_reader


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to write; None where one is not wanted."""

    html: Path | None
    run: Path | None


def evaluate_labels(labels_path: Path, outputs: Outputs, older_path: Path | None, models_dir: Path | None) -> None:
    """Read all photos of the labels, print scores, and write `outputs`. Photos that fail count as not found.

    Raises:
        LabelsError: labels or the older run cannot be used.
        ModelUnavailable: a model is missing.
        OutputError: a report cannot be written.
    """
    labels = read_labels(labels_path)
    older = judge_run(read_run(older_path), labels) if older_path else None
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    run = read_photos(labels, labels_path.parent, open_photo_reader(models_dir), errors)
    judged = judge_run(run, labels)
    comparison = compare_runs(older, judged) if older else None
    _print(judged, scores(judged), comparison)
    if outputs.run:
        _write(outputs.run, run.model_dump_json(indent=1))
    if outputs.html:
        _write(outputs.html, render(judged, scores(judged), comparison, _loader(labels_path.parent)))


def read_photos(labels: Sequence[Label], folder: Path, reader: PhotoReader, errors: Console) -> Run:
    """Read each photo once; what cannot be read is named on `errors` and kept with its error. Blocks."""
    paths = track(list(by_photo(labels)), "Reading", console=errors, transient=True, disable=not errors.is_terminal)
    return Run(models=reader.digests, photos=tuple(_read(path, folder, reader, errors) for path in paths))


def _read(path: str, folder: Path, reader: PhotoReader, errors: Console) -> SavedPhoto:
    try:
        reading = reader.read_file(folder / path)
    except PhotoError as error:
        errors.print(f"Error: {error}")
        return SavedPhoto(path=path, error=str(error))
    plates = tuple(
        SavedPlate(text=p.text, confidence=p.confidence, box=(p.box.x1, p.box.y1, p.box.x2, p.box.y2))
        for p in reading.plates
    )
    return SavedPhoto(path=path, plates=plates, took_ms=reading.took_ms)


def _print(judged: Sequence[Judged], totals: Mapping[str, Score], comparison: Mapping[str, Comparison] | None) -> None:
    console = Console(highlight=False, markup=False)
    table = Table("set", "photos", "found", "tight", "strict", "folded", "extra / 100", "CER", box=None, pad_edge=False)
    for name, s in totals.items():
        shares = [percent(share) for share in (s.found, s.tight, s.strict, s.folded)]
        table.add_row(name, str(s.photos), *shares, f"{s.extra:.1f}", percent(s.character_error_rate))
    console.print(table)
    speed = speed_ms(judged)
    console.print(f"{speed['median']:.0f} ms a photo (median), {speed['mean']:.0f} ms (mean)")
    for name, c in (comparison or {}).items():
        console.print(f"{name}: {len(c.gained)} newly right, {len(c.lost)} newly wrong, p = {c.p:.3f} (exact McNemar)")


def _loader(folder: Path) -> Callable[[str], BgrImage | None]:
    def load(path: str) -> BgrImage | None:
        try:
            return load_photo(folder / path)
        except PhotoError:
            return None

    return load


def _write(path: Path, text: str) -> None:
    try:
        write_durably(path, text.encode())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error}); choose another place") from error
