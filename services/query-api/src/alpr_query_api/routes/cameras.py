"""The cameras' health."""

from __future__ import annotations

from fastapi import APIRouter

from alpr_query_api.health import Health
from alpr_query_api.parts import Given

router = APIRouter(tags=["cameras"])


@router.get("/cameras")
def cameras(parts: Given) -> Health:
    """Every camera, how it is, and what to do where something is wrong."""
    return parts.health.read()
