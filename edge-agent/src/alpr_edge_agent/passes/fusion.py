"""Many readings of one plate become one text: every candidate is scored under every reading's posteriors.

The candidates are what any reading proposed, and the texts that the readings of one length spell together, character
by character: freely, and within each format that is expected here. A reading's support for a candidate is the
likelihood of the best alignment of the two (an edit path whose substitutions cost what the posterior says), bounded
below so that one bad view cannot outvote the others; the supports add up, weighted by the plate's size and sharpness.
This is ROVER's voting (Fiscus, 1997) with likelihoods for votes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.recognize import ALPHABET, Reading
from alpr_plates.confusables import CONFUSABLE

FLOOR = 0.01
"""Probability of any character in any place: a posterior is never believed to be certain."""
INVENTED = 0.02
"""Probability that the reader saw a character that is not there."""
MISSED = 0.08
"""Probability that it missed one: light, a post or the picture's border hides characters, nothing adds them."""
WORST = -4.0
"""Log-likelihood that a reading which contradicts a candidate altogether gives it: blurred views contradict every text,
and are not to drown the clear ones."""
MAX_CANDIDATES = 16
MISTAKEN = 0.15
"""Share of a character's posterior that its look-alikes get: readers are surer than they are right."""
_COLUMN = {character: column for column, character in enumerate(ALPHABET)}
_CLASSES = {
    "L": np.array([character.isalpha() for character in ALPHABET]),
    "N": np.array([character.isdigit() for character in ALPHABET]),
}


def _mistakes() -> NDArray[np.float64]:
    """Row: what was read; column: what it may be. Rows sum to 1."""
    matrix = np.eye(len(ALPHABET))
    for read, others in CONFUSABLE.items():
        row = matrix[_COLUMN[read]]
        row[_COLUMN[read]] = 1 - MISTAKEN
        for other in others:
            row[_COLUMN[other]] += MISTAKEN / len(others)
    return matrix


_MISTAKES = _mistakes()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reading and what it is worth, 0 to 1 (`quality.weight`)."""

    reading: Reading
    weight: float


@dataclass(frozen=True, slots=True)
class Fused:
    """What the readings say together.

    Attributes:
        candidates: (text, probability), best first, never empty; probabilities sum to 1.
        lead: weighted log-likelihood by which the best leads the second; infinite where there is one alone.
        agreeing: weights of the readings whose own text is the best.
        agreeing_reads: how many those are.
        surest: the highest confidence that one of them has by itself; 0 without any.
        total: weights of all readings.
        mean_log: mean log-likelihood of the best under the readings, by weight.
    """

    candidates: tuple[tuple[str, float], ...]
    lead: float
    agreeing: float
    agreeing_reads: int
    surest: float
    total: float
    mean_log: float

    @property
    def text(self) -> str:
        """The best candidate."""
        return self.candidates[0][0]


Prior = Callable[[str], float]
"""Log-probability bonus of a text, 0 for none."""


Shapes = Callable[[int], Sequence[str]]
"""Templates of L (letter) and N (digit) that texts of a length are expected to have; none: any."""


def no_prior(_: str) -> float:
    """All texts alike."""
    return 0.0


def no_shapes(_: int) -> Sequence[str]:
    """No format is expected."""
    return ()


def fuse(evidence: Sequence[Evidence], prior: Prior = no_prior, shapes: Shapes = no_shapes) -> Fused:
    """The texts that `evidence` (at least one) supports; its order does not matter.

    Args:
        evidence: the readings and what they are worth.
        prior: favours some texts.
        shapes: proposes texts that no reading spells by itself; `prior` must favour them, or they seldom win.

    Raises:
        ValueError: there is no evidence.
    """
    if not evidence:
        raise ValueError("fuse() needs at least one reading")
    texts = _proposed(evidence, shapes)
    supports = np.array([likelihoods(item.reading, texts) for item in evidence])
    weights = [item.weight for item in evidence]
    scores = {
        text: math.fsum(weight * float(row[i]) for weight, row in zip(weights, supports, strict=True)) + prior(text)
        for i, text in enumerate(texts)
    }
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return _fused(ranked, evidence, prior)


def _fused(ranked: list[tuple[str, float]], evidence: Sequence[Evidence], prior: Prior) -> Fused:
    text, score = ranked[0]
    lead = score - ranked[1][1] if len(ranked) > 1 else math.inf
    total = math.fsum(item.weight for item in evidence)
    own = [item for item in evidence if item.reading.text == text]
    return Fused(
        candidates=_probabilities(ranked),
        lead=lead,
        agreeing=math.fsum(item.weight for item in own),
        agreeing_reads=len(own),
        surest=max((item.reading.confidence for item in own), default=0.0),
        total=total,
        mean_log=(score - prior(text)) / max(total, 1e-9),
    )


def _probabilities(ranked: list[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    best = ranked[0][1]
    shares = [math.exp(score - best) for _, score in ranked]
    total = math.fsum(shares)
    return tuple((text, share / total) for (text, _), share in zip(ranked, shares, strict=True))


def _proposed(evidence: Sequence[Evidence], shapes: Shapes) -> list[str]:
    votes: dict[str, list[float]] = defaultdict(list)
    for item in evidence:
        for text, probability in item.reading.candidates:
            votes[text].append(item.weight * probability)
    by_length: dict[int, list[Evidence]] = defaultdict(list)
    for item in evidence:
        by_length[len(item.reading.text)].append(item)
    for length, group in by_length.items():
        for text in _spelt_together(group, shapes(length)):
            votes[text].append(math.fsum(item.weight for item in group))
    ranked = sorted(votes, key=lambda text: (-math.fsum(votes[text]), text))
    own = {item.reading.text for item in evidence}
    return [text for i, text in enumerate(ranked) if i < MAX_CANDIDATES or text in own]


def _spelt_together(group: Sequence[Evidence], shapes: Sequence[str]) -> set[str]:
    """The texts of the best character in each place, over readings of one length: freely and within each shape."""
    logs = [item.weight * np.log(np.maximum(_believed(item.reading), FLOOR)) for item in group]
    summed = np.sort(np.array(logs), axis=0).sum(axis=0)  # sorted: the same sum in any order of the readings
    tables = [summed, *(np.where([_CLASSES[kind] for kind in shape], summed, -np.inf) for shape in shapes)]
    return {"".join(ALPHABET[column] for column in table.argmax(axis=1)) for table in tables}


def _believed(reading: Reading) -> NDArray[np.float64]:
    """The posteriors, with a share for look-alikes."""
    return np.clip(reading.posteriors.astype(np.float64), 0, 1) @ _MISTAKES


def likelihoods(reading: Reading, texts: Sequence[str]) -> NDArray[np.float64]:
    """Log-likelihood ratio of each text under one reading, shape (len(texts),), `WORST` to 0: its own text has 0.

    The best edit path: a character in place costs its posterior; one that the reading has too many costs the
    posterior's "none of these"; one that it lacks costs `MISSED`.
    """
    rows = _believed(reading)
    keep = np.log(np.maximum(rows, FLOOR))
    drop = np.log(np.clip(1 - rows.sum(axis=1), INVENTED, 1))
    longest = max(len(text) for text in texts)
    columns = np.array([[_COLUMN[c] for c in text.ljust(longest, "A")] for text in texts])
    table = np.zeros((longest + 1, len(texts)))
    table[:] = math.log(MISSED) * np.arange(longest + 1)[:, None]
    for i in range(len(rows)):
        table = _next_row(table, keep[i][columns], drop[i])
    ends = table[[len(text) for text in texts], np.arange(len(texts))]
    # Against the best that any text could have: an unsure reading is weighed as such, and still prefers its own text.
    return np.asarray(np.clip(ends - keep.max(axis=1).sum(), WORST, 0), np.float64)


def _next_row(before: NDArray[np.float64], keep: NDArray[np.float64], drop: float) -> NDArray[np.float64]:
    """One row of the edit table for all texts at once: `before` (L + 1, N), `keep` (N, L)."""
    row = before + drop
    row[1:] = np.maximum(row[1:], before[:-1] + keep.T)
    for j in range(1, len(row)):
        np.maximum(row[j], row[j - 1] + math.log(MISSED), out=row[j])
    return row
