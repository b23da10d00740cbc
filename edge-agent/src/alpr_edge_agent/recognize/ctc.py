"""Connectionist temporal classification (Graves et al., 2006): from frames of probabilities to texts.

A frame holds the probability of each character of `ALPHABET` and, last, of a gap: "no character here".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.recognize import ALPHABET

Frames: TypeAlias = NDArray[np.float32]
"""float32, shape (T, 37): T steps over the 36 columns of `ALPHABET`, and the gap; rows sum to 1."""

GAP = len(ALPHABET)
BEAM = 8
FLOOR = 0.01
"""Less probable symbols of a frame start no new text: keeps the search linear on clear plates."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text that the frames may spell.

    Attributes:
        probability: summed over the alignments that the beam kept.
        peaks: for each character the frame that shows it best.
    """

    text: str
    probability: float
    peaks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Sign:
    """A symbol that one frame may show."""

    step: int
    column: int
    p: float


@dataclass(slots=True)
class _Prefix:
    ends_in_gap: float = 0.0
    ends_in_character: float = 0.0
    strongest: float = 0.0
    peaks: tuple[int, ...] = ()

    @property
    def total(self) -> float:
        return self.ends_in_gap + self.ends_in_character

    def add(self, probability: float, peaks: tuple[int, ...], *, gap: bool) -> None:
        if gap:
            self.ends_in_gap += probability
        else:
            self.ends_in_character += probability
        if probability > self.strongest:
            self.strongest, self.peaks = probability, peaks


def search(frames: Frames, beam: int = BEAM) -> list[Hypothesis]:
    """The most probable texts, best first, by prefix beam search (Graves & Jaitly, 2014); the empty text may be one."""
    kept: dict[str, _Prefix] = {"": _Prefix(ends_in_gap=1.0)}
    for step, row in enumerate(frames):
        grown: dict[str, _Prefix] = defaultdict(_Prefix)
        for column in np.flatnonzero(row >= FLOOR):
            sign = _Sign(step, int(column), float(row[column]))
            for text, prefix in kept.items():
                _extend(grown, text, prefix, sign, frames)
        kept = dict(sorted(grown.items(), key=lambda item: -item[1].total)[:beam])
    return [Hypothesis(text, min(1.0, prefix.total), prefix.peaks) for text, prefix in kept.items()]


def _extend(grown: dict[str, _Prefix], text: str, prefix: _Prefix, sign: _Sign, frames: Frames) -> None:
    if sign.column == GAP:
        grown[text].add(prefix.total * sign.p, prefix.peaks, gap=True)
        return
    character = ALPHABET[sign.column]
    before = prefix.total
    if text.endswith(character):  # either the same character goes on, or a gap lets it come twice
        before = prefix.ends_in_gap
        if prefix.ends_in_character > 0:
            fades = sign.p <= frames[prefix.peaks[-1], sign.column]
            peaks = prefix.peaks if fades else (*prefix.peaks[:-1], sign.step)
            grown[text].add(prefix.ends_in_character * sign.p, peaks, gap=False)
    if before > 0:
        grown[text + character].add(before * sign.p, (*prefix.peaks, sign.step), gap=False)


def fold_classes(output: NDArray[np.float32], columns: NDArray[np.intp]) -> Frames:
    """Probabilities of a network's classes (T, C) → frames, adding up the classes that are the same plate character.

    `columns` (C,) names each class's column of `ALPHABET`, `GAP` for the blank and for all that no plate holds: a
    hyphen or an emblem is read as what it is and then left out, which is more accurate than forbidding it.
    """
    frames = np.zeros((len(output), GAP + 1), np.float32)
    useful = np.flatnonzero(columns != GAP)
    np.add.at(frames.T, columns[useful], output[:, useful].T)
    frames[:, GAP] = np.clip(1 - frames[:, :GAP].sum(axis=1), 0, 1)
    return frames
