# ruff: noqa: RUF001 - look-alikes are what is tested

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_plates.text import ALPHABET, fold, normalize


@given(st.text())
def test_normalised_text_is_a_to_z_and_digits_and_stays(text: str) -> None:
    once = normalize(text)
    assert set(once) <= set(ALPHABET)
    assert normalize(once) == once


@given(st.text(), st.text())
def test_normalisation_is_by_parts(a: str, b: str) -> None:
    assert normalize(normalize(a) + normalize(b)) == normalize(a) + normalize(b)


@given(st.text(alphabet=ALPHABET))
def test_plate_characters_stay_as_they_are(text: str) -> None:
    assert normalize(text) == text
    assert normalize(text.lower()) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab-12 cd", "AB12CD"),
        ("ＡＢ１２", "AB12"),
        ("MÜ·K 77", "MUK77"),
        ("А123ВС", "A123BC"),
        ("ΥΖΚ 4321", "YZK4321"),
        ("N° 5", "N5"),
        ("A²B①", "AB"),
        ("Ø1Đ2Ł3", "O1D2L3"),
        ("粤B·12345", "B12345"),
        ("", ""),
    ],
)
def test_normalisation_by_example(text: str, expected: str) -> None:
    assert normalize(text) == expected


@given(st.text())
def test_folding_keeps_length_and_is_stable(text: str) -> None:
    key = fold(text)
    assert len(key) == len(normalize(text))
    assert fold(key) == key


@pytest.mark.parametrize(("a", "b"), [("OQD8", "000B"), ("SI1Z", "5I12"), ("G6", "66")])
def test_look_alikes_share_a_key(a: str, b: str) -> None:
    assert fold(a) == fold(b)


def test_different_plates_keep_different_keys() -> None:
    assert fold("ABC123") != fold("ABC124")
    assert fold("MN") != fold("NM")
