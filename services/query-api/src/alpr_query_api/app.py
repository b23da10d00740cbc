"""The application: parts in, routes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from alpr_images.settings import ImagesSettings
from alpr_images.store import ImageStore
from alpr_query_api import problems
from alpr_query_api.access import Gate
from alpr_query_api.database import Database
from alpr_query_api.feed import Feed
from alpr_query_api.health import FileHealth, HealthSource
from alpr_query_api.keys import KeyRing
from alpr_query_api.metrics import Measured, Metrics
from alpr_query_api.parts import Parts
from alpr_query_api.routes import ROUTERS
from alpr_query_api.routes.about import STATIC
from alpr_query_api.settings import ApiSettings


def create_app(
    settings: ApiSettings, *, images: ImageStore | None = None, health: HealthSource | None = None
) -> FastAPI:
    """The API over the store that `settings` name; it connects when it starts, and serves 503 until it can."""
    dsn = settings.database_url.get_secret_value()
    database = Database(dsn, settings.statement_timeout_s)
    parts = Parts(
        database=database,
        images=images or _image_store(settings),
        health=health or FileHealth(settings.pipeline_status_path, settings.report_path),
        feed=Feed(dsn, database),
        keys=KeyRing(dsn, database, timedelta(hours=settings.session_hours)),
        metrics=Metrics(),
    )
    parts.metrics.watch(parts.feed)
    app = FastAPI(
        title="OVR-ALPR Query API", version=version("alpr-query-api"), lifespan=_lifespan, docs_url=None, redoc_url=None
    )
    app.state.parts, app.state.settings = parts, settings
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Gate, settings=settings, keys=parts.keys)
    app.add_middleware(Measured, metrics=parts.metrics)
    return app


def _image_store(settings: ApiSettings) -> ImageStore:
    told = ImagesSettings(url=settings.images_url) if settings.images_url else ImagesSettings()
    return told.open(answer_within_s=settings.statement_timeout_s)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    parts.database.open()
    listening = asyncio.create_task(parts.feed.listen())
    try:
        yield
    finally:
        parts.feed.close()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        parts.database.close()
