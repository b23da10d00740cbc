"""Formats of countries' plates as templates of letters and digits: a prior for reading, never a hard rule.

Sources: each country's registration rules as they stand in public law (Germany FZV, France SIV 2009, Italy 1994, Spain
2000, United Kingdom 2001, Brazil CONTRAN 729 "Mercosur", …). A text of no known format stays possible everywhere:
personalised plates, old series, diplomats and visitors are read too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

FORMATS: dict[str, tuple[str, ...]] = {
    # The commonest series first; L is a letter, N a digit. United States: the states' current passenger series.
    "US": ("LLLNNNN", "NLLLNNN", "LLLNNN", "NNNLLL", "LLNNNNN", "LNNLNN", "LNNLNNL", "LNLLNN", "NNNNLLL", "LLNLNL",
           "LLLNNL", "LLLLNN", "NNLLLN", "LLNNLL", "LNLNLN", "NNNLNN", "NLLNNN", "LNNNNN"),
    "CA": ("LLLLNNN", "LLLNNN", "LNNLLN", "LLNNNL"),
    "BR": ("LLLNLNN", "LLLNNNN"),
    "AR": ("LLNNNLL", "LLLNNN"),
    "GB": ("LLNNLLL", "LNNNLLL", "LLLNNNL"),
    "FR": ("LLNNNLL", "NNNNLLNN", "NNNLLLNN"),
    "IT": ("LLNNNLL",),
    "ES": ("NNNNLLL", "LNNNNLL", "LLNNNNLL"),
    "PT": ("LLNNLL", "NNNNLL", "NNLLNN", "LLNNNN"),
    "DE": ("LLLNNNN", "LLLNNN", "LLNNNN", "LLLLNNN", "LLLLNNNN", "LLNNN", "LLLLNN", "LLLNN", "LLLLLNN", "LLLLLNNN"),
    "NL": ("LLNNNL", "NLLLNN", "NNLLLN", "LNNNLL", "NNLLLL", "LLLLNN"),
    "BE": ("NLLLNNN", "LLLNNN", "NNNLLL"),
    "PL": ("LLNNNNN", "LLLNNNN", "LLNNNNL", "LLLNLNN", "LLLNNLN", "LLLNNLL", "LLNNNLL", "LLLNNNL"),
    "CZ": ("NLNNNNN", "NLLNNNN"),
    "SK": ("LLNNNLL",),
    "HU": ("LLLNNN", "LLLLNNN"),
    "RO": ("LLNNLLL", "LNNLLL", "LNNNLLL"),
    "AT": ("LLNNNLL", "LNNNNNL", "LLNNNNL", "LNNNNLL"),
    "SE": ("LLLNNN", "LLLNNL"),
    "NO": ("LLNNNNN",),
    "DK": ("LLNNNNN",),
    "FI": ("LLLNNN",),
    "IE": ("NNNLNNNNN", "NNNLNNNN", "NNNLLNNNN", "NNNLNNNNNN"),
    "CH": ("LLNNNNNN", "LLNNNNN", "LLNNNN"),
    "HR": ("LLNNNLL", "LLNNNNLL", "LLNNNL"),
    "SI": ("LLLLNNN", "LLNNLLL"),
    "LT": ("LLLNNN",),
    "LV": ("LLNNNN",),
    "EE": ("NNNLLL",),
    "AU": ("LLLNNL", "NLLNLL", "LLNNLL", "NNNLLN", "NLLLNNN", "LLLNNN"),
}  # fmt: skip
"""ISO 3166 alpha-2 → templates."""

EXPECTED = 2.5
"""Log-probability by which a text that fits an expected country's format is favoured over one that fits none.

By counting it would be more (all strings of seven are some 450 times as many as those of the shape LLLNNNN, and most
plates have a usual shape), but readers are surer than they are right, and two clear readings of a vanity plate are to
win.
"""


KNOWN = 0.8
"""The same where no country is named, for a text that fits any format that is listed: enough to decide near ties."""


def template(text: str) -> str:
    """The shape of a normalised text: L for a letter, N for a digit."""
    return "".join("N" if character.isdigit() else "L" for character in text)


def fits(text: str, country: str) -> bool:
    """Whether the normalised `text` has a format of `country`; False for a country that is not listed."""
    return template(text) in FORMATS.get(country.upper(), ())


def format_prior(text: str, countries: Sequence[str]) -> float:
    """Log-probability bonus of a normalised text where plates of `countries` are expected; 0 where it fits none.

    Never below 0: a text of another format is only not favoured. Countries that are not listed change nothing; where
    none is named, any listed format counts a little.
    """
    if not countries:
        return KNOWN if regions(text) else 0.0
    return EXPECTED if any(fits(text, country) for country in countries) else 0.0


@lru_cache(maxsize=4096)
def _regions(shape: str) -> tuple[str, ...]:
    ranked = [(templates.index(shape), country) for country, templates in FORMATS.items() if shape in templates]
    return tuple(country for _, country in sorted(ranked))


def shapes(countries: Sequence[str], length: int) -> tuple[str, ...]:
    """Every template of `length` characters that the listed ones of `countries` use, each once, in a fixed order."""
    found = (shape for country in countries for shape in FORMATS.get(country.upper(), ()) if len(shape) == length)
    return tuple(dict.fromkeys(found))


def regions(text: str) -> tuple[str, ...]:
    """The countries that the normalised `text` may come from, the likeliest first; empty where it fits none."""
    return _regions(template(text))


def region_of(text: str, countries: Sequence[str] = ()) -> str | None:
    """The one country that `text` points to: the first expected one that it fits, else the only one that it fits.

    None where formats cannot tell: most shapes are used by several countries.
    """
    fitting = regions(text)
    for country in countries:
        if country.upper() in fitting:
            return country.upper()
    return fitting[0] if len(fitting) == 1 else None
