"""Counts of the index by (site, camera, hour), and which of some events it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from alpr_search_indexer.database import Cell
from alpr_search_indexer.search_engine import SearchEngine

_CELLS = 2000  # a page of the composite aggregation
_IDS = 2000


def counts(engine: SearchEngine, alias: str, since: datetime, until: datetime) -> dict[Cell, int]:
    """Documents a cell, captured in [since, until). A refresh comes first: what was written counts."""
    if engine.find("POST", f"/{alias}/_refresh") is None:
        return {}
    found: Counter[Cell] = Counter()
    after: dict[str, Any] = {}
    while True:
        answer = engine.ask("POST", f"/{alias}/_search", _question(since, until, after), ignore_unavailable="true")
        cells = answer["aggregations"]["cells"]
        for bucket in cells["buckets"]:
            found[_cell(bucket["key"])] += bucket["doc_count"]
        if "after_key" not in cells:
            return dict(found)
        after = {"after": cells["after_key"]}


def present(engine: SearchEngine, alias: str, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that documents of `alias` have."""
    held: set[str] = set()
    if not engine.find("HEAD", f"/_alias/{alias}"):
        return held
    for at in range(0, len(ids), _IDS):
        query = {"query": {"ids": {"values": ids[at : at + _IDS]}}, "size": _IDS, "_source": False}
        answer = engine.ask("POST", f"/{alias}/_search", query, filter_path="hits.hits._id")
        held |= {hit["_id"] for hit in answer.get("hits", {}).get("hits", [])}
    return held


def _question(since: datetime, until: datetime, after: dict[str, Any]) -> dict[str, Any]:
    sources = [
        {"site": {"terms": {"field": "node.site", "missing_bucket": True}}},
        {"camera": {"terms": {"field": "camera_id"}}},
        {"hour": {"date_histogram": {"field": "captured_at", "fixed_interval": "1h"}}},
    ]
    return {
        "size": 0,
        "query": {"range": {"captured_at": {"gte": since.isoformat(), "lt": until.isoformat()}}},
        "aggs": {"cells": {"composite": {"size": _CELLS, "sources": sources, **after}}},
    }


def _cell(key: dict[str, Any]) -> Cell:
    return Cell(key["site"] or "", key["camera"], datetime.fromtimestamp(key["hour"] / 1000, UTC))
