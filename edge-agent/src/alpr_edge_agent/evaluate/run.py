"""A run over labelled photos: what was read from each, kept as JSON so that a later run can be compared with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from alpr_edge_agent.errors import LabelsError
from alpr_edge_agent.evaluate.labels import Label
from alpr_edge_agent.evaluate.score import Comparison, Prediction, Score, Verdict, compare, judge, score
from alpr_edge_agent.frames import Box

ALL = "all"


class SavedPlate(BaseModel):
    """A plate that was read from a photo; `box` is xyxy in its pixels."""

    model_config = ConfigDict(frozen=True)
    text: str
    confidence: float
    box: tuple[float, float, float, float]


class SavedPhoto(BaseModel):
    """What one photo gave; `error` says why it could not be read."""

    model_config = ConfigDict(frozen=True)
    path: str
    plates: tuple[SavedPlate, ...] = ()
    took_ms: float = 0.0
    error: str | None = None

    def predictions(self) -> list[Prediction]:
        """The plates as `judge` takes them."""
        return [Prediction(plate.text, Box(*plate.box)) for plate in self.plates]


class Run(BaseModel):
    """One run; `models` are the digests of the weights by role."""

    model_config = ConfigDict(frozen=True)
    models: dict[str, str]
    photos: tuple[SavedPhoto, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A photo of a run, judged."""

    photo: SavedPhoto
    verdicts: tuple[Verdict, ...]
    extra: int

    @property
    def group(self) -> str:
        """The set it belongs to."""
        return self.verdicts[0].label.group


def read_run(path: Path) -> Run:
    """The run saved at `path`. Raises LabelsError."""
    try:
        return Run.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise LabelsError(f"{path}: is no run that `alpr evaluate --save` wrote ({error})") from error


def by_photo(labels: Sequence[Label]) -> dict[str, list[Label]]:
    """Labels of each photo, in the order of the file."""
    photos: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        photos[label.path].append(label)
    return dict(photos)


def judge_run(run: Run, labels: Sequence[Label]) -> list[Judged]:
    """Every labelled photo with its verdicts; one that the run does not have counts as unread."""
    seen = {photo.path: photo for photo in run.photos}
    judged = []
    for path, wanted in by_photo(labels).items():
        photo = seen.get(path, SavedPhoto(path=path, error="not in this run"))
        verdicts, extra = judge(wanted, photo.predictions())
        judged.append(Judged(photo, tuple(verdicts), extra))
    return judged


def scores(judged: Sequence[Judged]) -> dict[str, Score]:
    """The score of each set, in their order, and of all."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for photo in judged:
        groups[photo.group].append(photo)
    named = {group: members for group, members in groups.items() if group}
    return {name: _score(members) for name, members in [*named.items(), (ALL, list(judged))]}


def compare_runs(older: Sequence[Judged], newer: Sequence[Judged]) -> dict[str, Comparison]:
    """What `newer` reads right and `older` does not, and the reverse, strict and folded."""
    return {
        "strict": compare(dict(_right(older, strict=True)), dict(_right(newer, strict=True))),
        "folded": compare(dict(_right(older, strict=False)), dict(_right(newer, strict=False))),
    }


def speed_ms(judged: Sequence[Judged]) -> Mapping[str, float]:
    """Median and mean time of a photo in milliseconds."""
    times = sorted(photo.photo.took_ms for photo in judged if photo.photo.error is None)
    if not times:
        return {"median": 0.0, "mean": 0.0}
    return {"median": times[len(times) // 2], "mean": sum(times) / len(times)}


def _score(members: Sequence[Judged]) -> Score:
    verdicts = [verdict for photo in members for verdict in photo.verdicts]
    return score(verdicts, len(members), sum(photo.extra for photo in members))


def _right(judged: Sequence[Judged], *, strict: bool) -> Iterator[tuple[str, bool]]:
    for photo in judged:
        for number, verdict in enumerate(photo.verdicts):
            yield f"{photo.photo.path}#{number}", verdict.strict if strict else verdict.folded
