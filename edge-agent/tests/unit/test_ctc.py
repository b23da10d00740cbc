from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alpr_edge_agent.recognize import ALPHABET
from alpr_edge_agent.recognize.ctc import GAP, Frames, fold_classes, search

A, B = ALPHABET.index("A"), ALPHABET.index("B")


def frames(*steps: dict[str, float]) -> Frames:
    """Frames by their probable characters; "-" and what is left is the gap."""
    table = np.zeros((len(steps), GAP + 1), np.float32)
    for row, step in zip(table, steps, strict=True):
        for character, p in step.items():
            row[GAP if character == "-" else ALPHABET.index(character)] = p
        row[GAP] += 1 - row.sum()
    return table


@st.composite
def small_frames(draw: st.DrawFn) -> Frames:
    """A few frames over A, B and the gap."""
    count = draw(st.integers(1, 5))
    weights = draw(arrays(np.float32, (count, 3), elements=st.integers(1, 20).map(float)))
    table = np.zeros((count, GAP + 1), np.float32)
    table[:, [A, B, GAP]] = weights / weights.sum(axis=1, keepdims=True)
    return table


def spelled(path: tuple[int, ...]) -> str:
    """A path's text: repeats merge, gaps fall away."""
    kept = [symbol for i, symbol in enumerate(path) if i == 0 or symbol != path[i - 1]]
    return "".join(ALPHABET[symbol] for symbol in kept if symbol != GAP)


def exact(table: Frames) -> dict[str, float]:
    """Every text's probability, summed over all paths."""
    totals: dict[str, float] = {}
    for path in product((A, B, GAP), repeat=len(table)):
        text = spelled(path)
        p = float(np.prod([table[step, symbol] for step, symbol in enumerate(path)]))
        totals[text] = totals.get(text, 0.0) + p
    return totals


@given(small_frames())
def test_a_wide_beam_finds_every_text_with_its_exact_probability(table: Frames) -> None:
    expected = exact(table)
    found = {hypothesis.text: hypothesis.probability for hypothesis in search(table, beam=1000)}
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-4)


@given(small_frames(), st.integers(1, 8))
def test_hypotheses_come_best_first_and_are_no_more_than_certain(table: Frames, beam: int) -> None:
    found = search(table, beam)
    probabilities = [hypothesis.probability for hypothesis in found]
    assert len(found) <= beam
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) <= 1 + 1e-5


@given(small_frames())
def test_every_character_has_its_frame_in_order(table: Frames) -> None:
    for hypothesis in search(table):
        assert len(hypothesis.peaks) == len(hypothesis.text)
        assert list(hypothesis.peaks) == sorted(set(hypothesis.peaks))


def test_repeats_merge_unless_a_gap_parts_them() -> None:
    assert search(frames({"A": 1}, {"A": 1}, {"B": 1}))[0].text == "AB"
    assert search(frames({"A": 1}, {"-": 1}, {"A": 1}))[0].text == "AA"


def test_the_peak_is_the_frame_that_shows_the_character_best() -> None:
    best = search(frames({"A": 0.5}, {"A": 0.9}, {"A": 0.6}, {"-": 1}))[0]
    assert (best.text, best.peaks) == ("A", (1,))


def test_a_text_spread_over_many_alignments_beats_the_best_single_path() -> None:
    # The best path is all gaps (0.36); A, A-, -A together have 0.64.
    assert search(frames({"A": 0.4}, {"A": 0.4}))[0].text == "A"


def test_a_frame_without_doubt_over_many_steps_does_not_vanish() -> None:
    assert search(frames(*[{"A": 0.34, "B": 0.33}] * 60))[0].probability >= 0


def test_classes_that_are_one_character_add_up_and_others_are_gaps() -> None:
    columns = np.array([GAP, ALPHABET.index("O"), ALPHABET.index("O"), ALPHABET.index("0"), GAP])
    output = np.array([[0.1, 0.25, 0.25, 0.3, 0.1]], np.float32)
    folded = fold_classes(output, columns)
    assert folded[0, ALPHABET.index("O")] == pytest.approx(0.5)
    assert folded[0, ALPHABET.index("0")] == pytest.approx(0.3)
    assert folded[0, GAP] == pytest.approx(0.2)
    assert folded.sum() == pytest.approx(1)
