"""The parts that routes work with: made by `create_app`, handed over by FastAPI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from alpr_images.store import ImageStore
from alpr_query_api.database import Database
from alpr_query_api.feed import Feed
from alpr_query_api.health import HealthSource
from alpr_query_api.keys import KeyRing
from alpr_query_api.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a route may need."""

    database: Database
    images: ImageStore
    health: HealthSource
    feed: Feed
    keys: KeyRing
    metrics: Metrics


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Given = Annotated[Parts, Depends(_parts)]
