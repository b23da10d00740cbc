import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_plates.text import fold, normalize
from alpr_query_api.errors import Refused
from alpr_query_api.plates import plate_pattern

plates = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=10)


def matches(like, text):
    return re.fullmatch(re.escape(like).replace("%", ".*").replace("_", "."), text) is not None


@given(plates)
def test_a_plate_matches_itself_however_it_is_written(plate):
    spaced = "-".join(plate.lower())
    pattern = plate_pattern(spaced)
    assert pattern.like == plate
    assert pattern.folded == fold(plate)
    assert not pattern.wild


@given(plates, st.data())
def test_wildcards_in_the_place_of_characters_still_match(plate, data):
    at = data.draw(st.integers(0, len(plate) - 1))
    assert matches(plate_pattern(f"{plate[:at]}?{plate[at + 1 :]}").like, plate)
    assert matches(plate_pattern(f"{plate[:at]}*").like, plate)


@given(st.text(max_size=30))
def test_whatever_is_written_no_pattern_holds_more_than_we_mean(text):
    try:
        pattern = plate_pattern(text)
    except Refused as refused:
        assert refused.field == "plate"
        assert not normalize(text)
        return
    assert re.fullmatch("[A-Z0-9%_]+", pattern.like)
    assert pattern.like.count("%") == text.count("*")
    assert pattern.like.count("_") == text.count("?")


def test_a_text_without_letters_says_what_to_write():
    with pytest.raises(Refused, match="letters and digits"):
        plate_pattern("--")
