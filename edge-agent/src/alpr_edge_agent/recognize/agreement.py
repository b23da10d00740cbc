"""One reading from several cuts of the same plate: the text whose probability, averaged over the cuts, is highest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import exp

import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.recognize import ALPHABET, Reading
from alpr_edge_agent.recognize.ctc import Frames, Hypothesis, search
from alpr_plates.formats import regions

MAX_CANDIDATES = 8

CALIBRATION = 0.4
"""Exponent that makes confidence the share of texts that are right: the network spreads its doubt over spellings that
do not compete, so its own probability is too modest. Fitted on 273 crops, checked on 138 other photos: the two differ
by 4 points or less in fast and in quality mode (docs/benchmarks/photos.md)."""


def agree(cuts: Sequence[Frames], format_bonus: float = 0.0) -> Reading | None:
    """The reading that the frames of all `cuts` support; None where the best text is empty.

    Every cut counts alike and votes with its own probability: a cut that is sure outweighs two that waver, and two that
    agree outweigh one that is fairly sure. `format_bonus` is the log of how much likelier a text is beforehand when it
    has the format of some country.
    """
    searched = [(frames, search(frames)) for frames in cuts]
    votes: dict[str, float] = defaultdict(float)
    for _, hypotheses in searched:
        for hypothesis in hypotheses:
            votes[hypothesis.text] += hypothesis.probability / len(cuts)
    weighed = with_prior(votes, format_bonus) if format_bonus else votes
    ranked = sorted(weighed.items(), key=lambda vote: (-vote[1], vote[0]))
    if not ranked or not ranked[0][0]:
        return None
    candidates = calibrated([(text, p) for text, p in ranked if text][:MAX_CANDIDATES])
    text, confidence = candidates[0]
    return Reading(text, confidence, _posteriors(text, searched), candidates)


def with_prior(votes: Mapping[str, float], bonus: float) -> dict[str, float]:
    """Probabilities of texts after Bayes' rule with `exp(bonus)` to one for texts of a known format."""
    weights = {text: p * exp(bonus if regions(text) else 0.0) for text, p in votes.items()}
    unnamed = max(0.0, 1 - sum(votes.values()))
    total = sum(weights.values()) + unnamed
    return {text: weight / total for text, weight in weights.items()}


def calibrated(ranked: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """(text, probability), best first, the first as sure as its like proves to be; the others share what is left."""
    (text, p), *others = ranked
    confidence = min(1.0, p) ** CALIBRATION
    left = (1 - confidence) / (1 - p) if p < 1 else 0.0
    return (text, confidence), *((other, q * left) for other, q in others)


def _posteriors(text: str, searched: Sequence[tuple[Frames, list[Hypothesis]]]) -> NDArray[np.float32]:
    """Rows (len(text), 36), averaged over the cuts that spell `text`, weighted by how sure each is of it."""
    rows = np.zeros((len(text), len(ALPHABET)), np.float32)
    weight = 0.0
    for frames, hypotheses in searched:
        for hypothesis in hypotheses:
            if hypothesis.text == text:
                rows += hypothesis.probability * frames[list(hypothesis.peaks), : len(ALPHABET)]
                weight += hypothesis.probability
    return np.asarray(rows / weight, np.float32)
