"""Fusion's promises over made-up posteriors."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.passes.fusion import Evidence, fuse, likelihoods
from alpr_edge_agent.passes.settling import SettleRule, confidence
from alpr_edge_agent.recognize import ALPHABET, Reading

texts = st.text(st.sampled_from(ALPHABET), min_size=1, max_size=8)


def reading(text: str, sure: float = 0.9, doubts: dict[int, str] | None = None) -> Reading:
    """A reading of `text`; at the places of `doubts` the other character is nearly as probable."""
    posteriors = np.full((len(text), len(ALPHABET)), (1 - sure) / 72, np.float32)
    for i, character in enumerate(text):
        posteriors[i, ALPHABET.index(character)] = sure
        if doubts and i in doubts:
            posteriors[i, ALPHABET.index(character)] = sure / 2 + 0.01
            posteriors[i, ALPHABET.index(doubts[i])] = sure / 2 - 0.01
    p = float(np.prod([posteriors[i, ALPHABET.index(c)] for i, c in enumerate(text)]))
    return Reading(text, p, posteriors, ((text, p),))


readings = st.builds(reading, texts, st.floats(0.3, 0.99))
evidence = st.lists(st.builds(Evidence, readings, st.floats(0.05, 1.0)), min_size=1, max_size=6)
near = st.lists(
    st.builds(
        lambda at, other, sure, weight: Evidence(reading("AB12CD"[:at] + other + "AB12CD"[at + 1 :], sure), weight),
        st.integers(0, 5),
        st.sampled_from(ALPHABET),
        st.floats(0.4, 0.99),
        st.floats(0.05, 1.0),
    ),
    min_size=1,
    max_size=6,
)


@given(readings, st.floats(0.05, 1.0))
def test_one_reading_is_itself(one: Reading, weight: float) -> None:
    assert fuse([Evidence(one, weight)]).text == one.text


@given(evidence, st.randoms(use_true_random=False))
def test_the_order_of_readings_is_irrelevant(items: list[Evidence], rng: random.Random) -> None:
    shuffled = rng.sample(items, len(items))
    assert fuse(shuffled) == fuse(items)


@given(evidence)
def test_candidates_are_sorted_and_sum_to_one(items: list[Evidence]) -> None:
    shares = [p for _, p in fuse(items).candidates]
    assert shares == sorted(shares, reverse=True)
    assert math.isclose(sum(shares), 1, abs_tol=1e-9)
    assert len({text for text, _ in fuse(items).candidates}) == len(shares)


@given(evidence)
def test_confidence_is_a_probability(items: list[Evidence]) -> None:
    assert 0 <= confidence(fuse(items)) <= 1


@given(near, st.floats(0.4, 0.99), st.floats(0.05, 1.0))
def test_an_agreeing_reading_never_lowers_the_lead(items: list[Evidence], sure: float, weight: float) -> None:
    before = fuse(items)
    after = fuse([*items, Evidence(reading(before.text, sure), weight)])
    assert after.text == before.text
    assert after.lead >= before.lead - 1e-9


@given(readings, texts)
def test_no_text_is_likelier_than_certain(one: Reading, text: str) -> None:
    (value,) = likelihoods(one, [text])
    assert -9 <= value <= 0


def test_characters_from_different_readings_spell_one_text() -> None:
    # Each reading is wrong in another place, and never quite sure there.
    items = [
        Evidence(reading("8BC123", doubts={0: "A"}), 1.0),
        Evidence(reading("A8C123", doubts={1: "B"}), 1.0),
        Evidence(reading("ABC128", doubts={5: "3"}), 1.0),
    ]
    assert fuse(items).text == "ABC123"


def test_a_lost_character_does_not_outvote_two_whole_readings() -> None:
    items = [*[Evidence(reading("ABC123"), 0.8)] * 2, Evidence(reading("BC123", 0.97), 0.8)]
    assert fuse(items).text == "ABC123"


def test_a_sharp_near_view_outweighs_a_far_one() -> None:
    items = [Evidence(reading("ABC123"), 0.1), Evidence(reading("ABC128"), 1.0)]
    assert fuse(items).text == "ABC128"


def test_a_prior_decides_between_texts_that_look_alike() -> None:
    items = [Evidence(reading("AB0123", doubts={2: "O"}), 1.0), Evidence(reading("ABO123", doubts={2: "0"}), 1.0)]
    assert fuse(items, lambda text: 0.9 if text == "ABO123" else 0.0).text == "ABO123"
    assert fuse(items, lambda text: 0.9 if text == "AB0123" else 0.0).text == "AB0123"


def test_no_prior_outweighs_clear_readings() -> None:
    items = [Evidence(reading("ABO123", 0.97), 1.0)] * 2
    assert fuse(items, lambda text: 0.9 if text == "AB0123" else 0.0).text == "ABO123"


def test_nothing_to_fuse_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fuse([])


def test_three_clear_readings_settle_and_one_does_not() -> None:
    clear = Evidence(reading("ABC123", 0.98), 0.9)
    assert SettleRule().holds(fuse([clear] * 3))
    assert not SettleRule().holds(fuse([clear]))


def test_readings_that_contradict_each_other_do_not_settle() -> None:
    items = [Evidence(reading(text, 0.9), 0.9) for text in ("ABC123", "ABC123", "ABC128", "ABC128")]
    assert not SettleRule().holds(fuse(items))
    assert confidence(fuse(items)) < confidence(fuse(items[:2]))


def test_far_views_do_not_settle_by_number_alone() -> None:
    assert not SettleRule().holds(fuse([Evidence(reading("ABC123", 0.98), 0.1)] * 3))
