"""What the engine says of each document of a bulk request, and what follows from it: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final


class Verdict(Enum):
    """What is to be done about a document."""

    INDEXED = "indexed"
    PRESENT = "present"  # there already, in this or a newer revision
    AGAIN = "again"  # the engine has no room, or is closed for writing: nothing is wrong with the document
    NO_INDEX = "no_index"  # its month has to be made first
    REFUSED = "refused"  # never, as it is
    MAPPING = "mapping"  # the index does not know a field of ours: it is older than we are


_BY_STATUS: Final = {200: Verdict.INDEXED, 201: Verdict.INDEXED, 409: Verdict.PRESENT, 404: Verdict.NO_INDEX}
_AGAIN: Final = frozenset({403, 408, 425, 429})  # 403: index.blocks.*, which the disk's flood stage sets as well
_OURS: Final = frozenset({"strict_dynamic_mapping_exception", "invalid_alias_name_exception"})
_FIELD: Final = re.compile(r"field \[([a-z0-9_.]{1,60})\]")


def verdict(item: Mapping[str, Any]) -> Verdict:
    """Of one item of the answer (`status`, and `error` where there is one)."""
    status = int(item["status"])
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in _AGAIN or status >= 500:
        return Verdict.AGAIN
    return Verdict.MAPPING if item.get("error", {}).get("type") in _OURS else Verdict.REFUSED


def reason(item: Mapping[str, Any]) -> str:
    """Why, in the engine's word and the field's name: its own sentences quote values, and those are plates."""
    error = item.get("error", {})
    field = _FIELD.search(str(error.get("reason", "")))
    where = f" in field {field[1]}" if field else ""
    return f"OpenSearch: {item['status']} {error.get('type', 'unknown')}{where}"
