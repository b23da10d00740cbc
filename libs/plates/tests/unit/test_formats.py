"""Formats are a prior: they favour, they name a region where they can, and they forbid nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_plates.formats import FORMATS, fits, format_prior, region_of, regions, shapes, template

texts = st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), min_size=1, max_size=12)
countries = st.lists(st.sampled_from([*FORMATS, "XX"]), max_size=4)


@pytest.mark.parametrize(
    ("text", "country"),
    [("RK099AN", "SK"), ("4B04979", "CZ"), ("BRA2E19", "BR"), ("ABC1234", "BR"), ("AB12CDE", "GB"), ("1234BCD", "ES")],
)
def test_known_plates_fit_their_country(text: str, country: str) -> None:
    assert fits(text, country)
    assert region_of(text, [country]) == country
    assert format_prior(text, [country]) > 0


def test_a_vanity_plate_stays_possible() -> None:
    assert format_prior("SUNSHINE", ["US"]) == 0.0


def test_without_countries_a_known_format_counts_a_little() -> None:
    assert format_prior("SUNSHINE", []) == 0.0
    assert 0.0 < format_prior("ABC1234", []) < format_prior("ABC1234", ["US"])


def test_a_region_is_named_only_where_the_format_can_tell() -> None:
    assert region_of("131D12345") == "IE"
    assert region_of("ABC123") is None
    assert region_of("ABC123", ["SE"]) == "SE"


def test_country_codes_may_come_in_lower_case() -> None:
    assert region_of("ABC123", ["se"]) == "SE"


@given(texts, countries)
def test_a_prior_never_forbids(text: str, expected: list[str]) -> None:
    assert 0.0 <= format_prior(text, expected) <= 3.0


@given(texts, countries, countries)
def test_more_countries_never_favour_a_text_less(text: str, some: list[str], more: list[str]) -> None:
    assert not some or format_prior(text, [*some, *more]) >= format_prior(text, some)


@given(texts, countries)
def test_a_region_is_one_whose_format_the_text_has(text: str, expected: list[str]) -> None:
    region = region_of(text, expected)
    assert region is None or fits(text, region)
    assert set(regions(text)) == {country for country in FORMATS if fits(text, country)}


@given(countries, st.integers(1, 12))
def test_shapes_are_templates_of_the_length_each_once(expected: list[str], length: int) -> None:
    found = shapes(expected, length)
    assert len(set(found)) == len(found)
    assert all(len(shape) == length and set(shape) <= {"L", "N"} for shape in found)


@given(texts)
def test_a_template_keeps_the_length(text: str) -> None:
    assert len(template(text)) == len(text)


def test_every_template_is_listed_once_a_country() -> None:
    assert all(len(set(templates)) == len(templates) for templates in FORMATS.values())
