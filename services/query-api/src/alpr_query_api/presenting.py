"""Rows of the store as callers see them: links to this API in the place of keys of the image store."""

from __future__ import annotations

from typing import Any

from alpr_query_api.database import Row

_NESTED = {
    "plate": {"text": "plate_text", "normalized_text": "plate_normalized_text", "confidence": "plate_confidence",
              "region": "plate_region"},
    "vehicle": {"type": "vehicle_type", "make": "vehicle_make", "model": "vehicle_model", "color": "vehicle_color"},
    "images": {"plate_url": "plate_image_url", "vehicle_url": "vehicle_image_url", "frame_url": "frame_image_url"},
    "node": {"site": "site_id", "host": "host_id"},
    "extras": {"roi": "roi", "direction": "direction", "quality_score": "quality_score",
               "frame_number": "frame_number"},
}  # fmt: skip


def event_of(row: Row, base: str) -> dict[str, Any]:
    """The row with its links; `base` is this API's address as the caller named it, with its closing slash."""
    links = {
        f"{kind}_image_url": f"{base}events/{row['event_id']}/images/{kind}.jpg" if row[f"{kind}_image_url"] else None
        for kind in ("plate", "frame")
    }
    exact = round(row["plate_confidence"], 6)  # it travelled as a float of 32 bits
    return {**row, **links, "vehicle_image_url": row["vehicle_image_url"] or None, "plate_confidence": exact}


def hit_of(row: Row, base: str) -> dict[str, Any]:
    """The row with its links, and nested beside that."""
    event = event_of(row, base)
    nested = {name: {key: event[column] for key, column in keys.items()} for name, keys in _NESTED.items()}
    return {**event, **nested}
