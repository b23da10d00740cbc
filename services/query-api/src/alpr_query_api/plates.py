"""What a person writes into a search box, as what the database compares."""

from __future__ import annotations

from dataclasses import dataclass

from alpr_plates.text import fold, normalize
from alpr_query_api.errors import Refused

_WILD = {"*": "%", "?": "_"}


@dataclass(frozen=True, slots=True)
class PlatePattern:
    """A plate to look for: `*` stands for any characters, `?` for one; all else is normalised.

    Attributes:
        like: a pattern of SQL's LIKE; without wildcards it matches itself alone. Holds A-Z, 0-9, % and _.
        folded: the same with look-alikes as one (`alpr_plates.text.fold`).
        wild: whether it holds wildcards.
    """

    like: str
    folded: str
    wild: bool


def plate_pattern(text: str, field: str = "plate") -> PlatePattern:
    """Raises Refused for a text without any letter, digit or wildcard."""
    like = "".join(_WILD.get(c) or normalize(c) for c in text)
    folded = "".join(_WILD.get(c) or fold(c) for c in text)
    if not like:
        raise Refused(422, f"{field}: write letters and digits; * stands for any, ? for one", field)
    return PlatePattern(like, folded, any(c in text for c in _WILD))
