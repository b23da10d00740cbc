"""The mapping of an event's index; installed and verified at start, so that no field is ever guessed. Pure.

Names of old stay: dashboards ask `plate.text.keyword`, `plate.normalized_text`, `camera_id`, `node.site`, `vehicle.*`.
"""

from __future__ import annotations

from typing import Any, Final

VERSION: Final = 1
"""Rises with every change below; a template of another number is replaced at start."""

_KEYWORD: Final = {"type": "keyword", "ignore_above": 512}
_UNSEARCHED: Final = {"type": "keyword", "index": False, "doc_values": False}
_SHARE: Final = {"type": "float"}
_DATE: Final = {"type": "date"}
_UNINDEXED: Final = {"type": "float", "index": False}
_BOX: Final = {"properties": dict.fromkeys(("x1", "y1", "x2", "y2"), _UNINDEXED)}

PROPERTIES: Final[dict[str, Any]] = {
    "event_id": _KEYWORD,
    "captured_at": _DATE,
    "camera_id": {**_KEYWORD, "fields": {"text": {"type": "text", "analyzer": "names"}}},
    "track_id": _KEYWORD,
    "plate": {
        "properties": {
            "text": {"type": "text", "analyzer": "plates", "fields": {"keyword": _KEYWORD}},
            "normalized_text": {**_KEYWORD, "fields": {"wildcard": {"type": "wildcard"}}},
            "folded": {**_KEYWORD, "fields": {"wildcard": {"type": "wildcard"}}},
            "confidence": _SHARE,
            "region": _KEYWORD,
        }
    },
    "vehicle": {"properties": dict.fromkeys(("type", "make", "model", "color"), _KEYWORD)},
    "images": {"properties": dict.fromkeys(("plate_url", "vehicle_url", "frame_url"), _UNSEARCHED)},
    "latency_ms": {"type": "integer"},
    "node": {
        "properties": {
            "site": {**_KEYWORD, "fields": {"text": {"type": "text", "analyzer": "names"}}},
            "host": _KEYWORD,
        }
    },
    "extras": {
        "properties": {
            "roi": _KEYWORD,
            "direction": _KEYWORD,
            "quality_score": _SHARE,
            "frame_number": {"type": "long"},
        }
    },
    "location": {"type": "geo_point"},  # where the camera stands: empty until events carry it
    "revision": {"type": "integer"},
    "candidates": {"properties": {"text": _KEYWORD, "confidence": _SHARE}},
    "reads": {"type": "integer"},
    "box": _BOX,
    "first_seen_at": _DATE,
    "last_seen_at": _DATE,
    "resumed": {"type": "boolean"},
    "source_epoch": _UNSEARCHED,
    "agent_id": _KEYWORD,
    "boot_id": _KEYWORD,
    "seq": {"type": "long"},
    "detector_digest": _KEYWORD,
    "reader_digest": _KEYWORD,
    "indexed_at": _DATE,
}

_ANALYSIS: Final = {
    "analyzer": {
        # "AB 12-C" is found by ab12c, and by ab, 12 or c
        "plates": {"type": "custom", "tokenizer": "keyword", "filter": ["uppercase", "parts_of_plates"]},
        "names": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
    },
    "filter": {
        "parts_of_plates": {
            "type": "word_delimiter_graph",
            "catenate_all": True,
            "generate_word_parts": True,
            "split_on_case_change": False,
            "split_on_numerics": False,
        }
    },
}


def template(pattern: str, *, shards: int, replicas: int, refresh: str) -> dict[str, Any]:
    """The composable template for every index that `pattern` matches."""
    return {
        "index_patterns": [pattern],
        "priority": 500,
        "version": VERSION,
        "_meta": {"owner": "alpr-search-indexer"},
        "template": {
            "settings": {
                "index": {
                    "number_of_shards": str(shards),
                    "number_of_replicas": str(replicas),
                    "refresh_interval": refresh,
                    "codec": "best_compression",
                    "analysis": _ANALYSIS,
                }
            },
            "mappings": {"dynamic": "strict", "properties": PROPERTIES},
        },
    }


def missing_from(mappings: dict[str, Any]) -> list[str]:
    """What the `mappings` of an index lack of ours or have otherwise, by dotted field name; empty where all fits."""
    found = [] if mappings.get("dynamic") == "strict" else ["dynamic"]
    return found + _missing("", PROPERTIES, mappings.get("properties", {}))


def _missing(path: str, ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, field in ours.items():
        here, there = f"{path}{name}", theirs.get(name)
        if there is None:
            found.append(here)
        elif "properties" in field:
            found += _missing(f"{here}.", field["properties"], there.get("properties", {}))
        elif field["type"] != there.get("type"):
            found.append(here)
        else:
            found += _missing(f"{here}.", field.get("fields", {}), there.get("fields", {}))
    return found
