"""The routes, a file a noun."""

from __future__ import annotations

from fastapi import APIRouter

from alpr_query_api.routes import about, cameras, events, images, live, search, session

ROUTERS: tuple[APIRouter, ...] = (
    about.router,
    live.router,  # before /events/{event_id}
    events.router,
    images.router,
    search.router,
    cameras.router,
    session.router,
)
