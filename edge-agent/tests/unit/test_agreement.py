import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.recognize import ALPHABET
from alpr_edge_agent.recognize.agreement import agree, calibrated, with_prior
from alpr_edge_agent.recognize.ctc import GAP, Frames


def spelling(text: str, p: float, other: str | None = None) -> Frames:
    """Frames that spell `text`, each character with `p`, the rest going to `other`'s or to the gap."""
    table = np.zeros((2 * len(text), GAP + 1), np.float32)
    table[1::2, GAP] = 1
    for i, character in enumerate(text):
        table[2 * i, ALPHABET.index(character)] += p
        table[2 * i, ALPHABET.index(other[i]) if other else GAP] += 1 - p
    return table


def test_two_cuts_that_agree_outweigh_one_that_is_surer() -> None:
    reading = agree([spelling("AB1", 0.9), spelling("AB1", 0.9), spelling("AB7", 0.97)])
    assert reading is not None
    assert reading.text == "AB1"
    assert [text for text, _ in reading.candidates][:2] == ["AB1", "AB7"]


def test_one_sure_cut_outweighs_two_that_waver() -> None:
    reading = agree([spelling("X1", 0.99), spelling("X7", 0.6, "Y3"), spelling("X7", 0.6, "Y3")])
    assert reading is not None
    assert reading.text == "X1"


def test_nothing_read_is_no_reading() -> None:
    assert agree([np.eye(GAP + 1, dtype=np.float32)[[GAP] * 5]]) is None


def test_posteriors_have_a_row_a_character_with_its_rivals() -> None:
    reading = agree([spelling("A8", 0.7, "AB")])
    assert reading is not None
    assert reading.text == "A8"
    assert reading.posteriors.shape == (2, 36)
    assert reading.posteriors.dtype == np.float32
    assert reading.posteriors[1, ALPHABET.index("8")] == pytest.approx(0.7)
    assert reading.posteriors[1, ALPHABET.index("B")] == pytest.approx(0.3)
    assert (reading.posteriors.sum(axis=1) <= 1 + 1e-5).all()


def test_posteriors_come_from_the_cuts_that_spell_the_text() -> None:
    reading = agree([spelling("AB", 0.9), spelling("AB", 0.9), spelling("AXB", 0.9)])
    assert reading is not None
    assert reading.posteriors[1, ALPHABET.index("B")] == pytest.approx(0.9, abs=1e-4)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=8, unique=True))
def test_calibration_keeps_the_order_and_a_sum_of_at_most_one(weights: list[float]) -> None:
    shares = sorted((weight / max(1, sum(weights)) for weight in weights), reverse=True)
    found = calibrated([(str(i), p) for i, p in enumerate(shares)])
    values = [p for _, p in found]
    assert [text for text, _ in found] == [str(i) for i in range(len(shares))]
    assert values == sorted(values, reverse=True)
    assert sum(values) <= 1 + 1e-6


def test_calibration_keeps_certainty() -> None:
    assert calibrated([("A", 1.0)]) == (("A", 1.0),)


def test_a_known_format_decides_between_near_equals_and_not_against_the_evidence() -> None:
    near = spelling("RK340AO", 1.0)
    near[12, ALPHABET.index("O")], near[12, ALPHABET.index("0")] = 0.4, 0.6
    clear = spelling("RK340A0", 1.0)
    clear[12, ALPHABET.index("O")], clear[12, ALPHABET.index("0")] = 0.1, 0.9
    readings = [agree([near]), agree([near], format_bonus=1.0), agree([clear], format_bonus=1.0)]
    assert [reading.text if reading else None for reading in readings] == ["RK340A0", "RK340AO", "RK340A0"]


@given(st.dictionaries(st.sampled_from(["AB123CD", "AB123C0", "X", ""]), st.floats(0.01, 0.25)), st.floats(0, 5))
def test_the_prior_keeps_probabilities(votes: dict[str, float], bonus: float) -> None:
    weighed = with_prior(votes, bonus)
    assert weighed.keys() == votes.keys()
    assert sum(weighed.values()) <= 1 + 1e-9
    assert all(p > 0 for p in weighed.values())
