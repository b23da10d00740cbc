"""Scores of plates read from labelled photos: pure functions.

*found*: a predicted box covers at least 70 % of the labelled one and has at most four times its area (labels are tight
to the characters, good detectors leave a margin). *tight*: intersection over union above 0.5. *strict*: the text is
equal. *folded*: equal with O as 0. Each labelled plate is judged by the predicted box that fits it best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import comb

from alpr_edge_agent.evaluate.labels import Label
from alpr_edge_agent.frames import Box

MIN_COVERED = 0.7
MAX_AREA_RATIO = 4.0
MIN_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """A plate that was read."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one labelled plate was met; `prediction` is the box that fits best, None where none touches it."""

    label: Label
    prediction: Prediction | None

    @property
    def found(self) -> bool:
        """The plate's place is right, with a margin allowed."""
        return self.prediction is not None and is_found(self.label.box, self.prediction.box)

    @property
    def tight(self) -> bool:
        """The box fits closely."""
        return self.prediction is not None and iou(self.label.box, self.prediction.box) > MIN_IOU

    @property
    def text(self) -> str:
        """What was read, "" for nothing."""
        return self.prediction.text if self.prediction else ""

    @property
    def strict(self) -> bool:
        """Every character is right."""
        return self.text == self.label.text

    @property
    def folded(self) -> bool:
        """Every character is right, O and 0 counting as one."""
        return fold_o(self.text) == fold_o(self.label.text)


@dataclass(frozen=True, slots=True)
class Score:
    """Shares of the labelled plates, 0 to 1; `extra` is predicted plates without a label per 100 photos."""

    photos: int
    plates: int
    found: float
    tight: float
    strict: float
    folded: float
    extra: float
    character_error_rate: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same plates.

    Attributes:
        gained, lost: plates that only the newer or only the older run has right.
        p: two-sided exact McNemar test: the chance of a difference this large where the runs are equally good.
    """

    gained: tuple[str, ...]
    lost: tuple[str, ...]
    p: float


def judge(labels: Sequence[Label], predictions: Sequence[Prediction]) -> tuple[list[Verdict], int]:
    """Verdicts on the labelled plates of one photo, in their order, and the number of extra plates.

    Pairs are formed best first: a prediction serves one label. A pair that is found comes before one that is not.
    """
    every = product(enumerate(labels), enumerate(predictions))
    fits = ((_fit(label.box, prediction.box), i, j) for (i, label), (j, prediction) in every)
    pairs = sorted(fits, key=lambda pair: (*(-part for part in pair[0]), *pair[1:]))
    chosen: dict[int, int] = {}
    for fit, i, j in pairs:
        if fit[1] > 0 and i not in chosen and j not in chosen.values():
            chosen[i] = j
    verdicts = [Verdict(label, predictions[chosen[i]] if i in chosen else None) for i, label in enumerate(labels)]
    return verdicts, len(predictions) - len(chosen)


def score(verdicts: Sequence[Verdict], photos: int, extra_plates: int) -> Score:
    """The score of `verdicts` (at least one) over `photos` photos."""
    errors = sum(edit_distance(verdict.text, verdict.label.text) for verdict in verdicts)
    return Score(
        photos=photos,
        plates=len(verdicts),
        found=_share(verdict.found for verdict in verdicts),
        tight=_share(verdict.tight for verdict in verdicts),
        strict=_share(verdict.strict for verdict in verdicts),
        folded=_share(verdict.folded for verdict in verdicts),
        extra=100 * extra_plates / photos,
        character_error_rate=errors / sum(len(verdict.label.text) for verdict in verdicts),
    )


def compare(older: Mapping[str, bool], newer: Mapping[str, bool]) -> Comparison:
    """Which plates became right or wrong; only plates of both runs count."""
    both = [plate for plate in newer if plate in older]
    gained = tuple(plate for plate in both if newer[plate] and not older[plate])
    lost = tuple(plate for plate in both if older[plate] and not newer[plate])
    return Comparison(gained, lost, mcnemar(len(gained), len(lost)))


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact p of McNemar's test (McNemar 1947): `gained` against `lost` as tosses of a fair coin."""
    tosses = gained + lost
    tail: float = sum(comb(tosses, k) for k in range(min(gained, lost) + 1)) / 2**tosses
    return min(1.0, 2 * tail)


def is_found(label: Box, predicted: Box) -> bool:
    """Whether `predicted` covers enough of `label` and is not too large."""
    covered = _shared(label, predicted) >= MIN_COVERED * _area(label)
    return covered and _area(predicted) <= MAX_AREA_RATIO * _area(label)


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0 to 1."""
    shared = _shared(a, b)
    union = _area(a) + _area(b) - shared
    return shared / union if union > 0 else 0.0


def fold_o(text: str) -> str:
    """`text` with O as 0, as some labels write it."""
    return text.replace("O", "0")


def edit_distance(a: str, b: str) -> int:
    """Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def confusions(verdicts: Iterable[Verdict]) -> Counter[tuple[str, str]]:
    """(label, read) pairs of characters that differ, over texts of equal length."""
    same_length = [verdict for verdict in verdicts if len(verdict.text) == len(verdict.label.text)]
    pairs = ((want, got) for verdict in same_length for want, got in zip(verdict.label.text, verdict.text, strict=True))
    return Counter((want, got) for want, got in pairs if want != got)


def _fit(label: Box, predicted: Box) -> tuple[bool, float]:
    return is_found(label, predicted), iou(label, predicted)


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values)


def _area(box: Box) -> float:
    return max(0.0, box.width) * max(0.0, box.height)


def _shared(a: Box, b: Box) -> float:
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    return max(0.0, width) * max(0.0, height)
