import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_plates.text import normalize
from alpr_query_api.errors import Refused
from alpr_query_api.plates import plate_pattern


@pytest.mark.parametrize(
    ("text", "like", "wild"),
    [("ab-12 cde", "AB12CDE", False), ("AB*", "AB%", True), ("?b1", "_B1", True), ("*", "%", True)],
)
def test_wildcards_stay_and_all_else_is_normalised(text, like, wild):
    pattern = plate_pattern(text)
    assert (pattern.like, pattern.wild) == (like, wild)


@given(st.text())
def test_nothing_of_sql_comes_through_but_our_own_wildcards(text):
    try:
        pattern = plate_pattern(text)
    except Refused as e:
        assert e.status == 422
        return
    assert pattern.like.count("%") == text.count("*")
    assert pattern.like.count("_") == text.count("?")
    assert "\\" not in pattern.like


@given(st.text(alphabet="ABCDEFGHJK0123456789", min_size=1, max_size=20))
def test_a_normalised_plate_is_its_own_pattern(plate):
    assert plate_pattern(normalize(plate)).like == normalize(plate)


def test_look_alikes_fold_to_the_same_pattern():
    assert plate_pattern("B0B8").folded == plate_pattern("BOBB").folded


@pytest.mark.parametrize("text", ["", "--", " . "])
def test_a_text_without_a_plate_is_refused_by_its_field(text):
    with pytest.raises(Refused) as refused:
        plate_pattern(text, "q")
    assert refused.value.field == "q"
