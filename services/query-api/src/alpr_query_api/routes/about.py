"""What this is, whether it works, and its figures."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from alpr_query_api import queries
from alpr_query_api.models import Health, Root, StatsResponse
from alpr_query_api.parts import Given

router = APIRouter(tags=["about"])
STATIC = Path(__file__).parent.parent / "static"
ENDPOINTS = {
    "health": "/health",
    "stats": "/stats",
    "recent_events": "/events/recent",
    "event_by_id": "/events/{event_id}",
    "events_by_plate": "/events/plate/{plate_text}",
    "events_by_camera": "/events/camera/{camera_id}",
    "search": "/events/search",
    "live_events": "/events/stream",
    "plate_image": "/events/{event_id}/images/plate.jpg",
    "frame_image": "/events/{event_id}/images/frame.jpg",
    "cameras": "/cameras",
    "fulltext_search": "/search/fulltext",
    "faceted_search": "/search/facets",
    "analytics": "/search/analytics",
    "advanced_query": "/search/query",
    "metrics": "/metrics",
    "docs": "/docs",
}


@router.get("/", response_model=Root)
def root(request: Request) -> Response:
    """A person's browser gets the page, a program the map of what there is."""
    if "text/html" in request.headers.get("accept", ""):
        return FileResponse(STATIC / "page.html", headers={"Vary": "Accept", "Cache-Control": "no-cache"})
    about = Root(
        name="OVR-ALPR Query API",
        version=version("alpr-query-api"),
        endpoints=ENDPOINTS,
        opensearch_available=False,
        service_manager_available=False,
    )
    return JSONResponse(about.model_dump(), headers={"Vary": "Accept"})


@router.get("/health", responses={503: {"model": Health}})
def health(parts: Given, response: Response) -> Health:
    """Whether the database answers now: 200, or 503."""
    connected = parts.database.answers()
    response.status_code = 200 if connected else 503
    return Health(status="healthy" if connected else "unhealthy", database_connected=connected)


@router.get("/stats")
def stats(parts: Given) -> StatsResponse:
    """Figures of everything stored; `failed_inserts` are the open dead letters of the storage."""
    row = parts.database.row(queries.stats()) or {}
    return StatsResponse.model_validate({**row, "is_connected": True, "total_inserts": row["total_events"]})


@router.get("/metrics", response_class=Response)
def metrics(parts: Given) -> Response:
    """The API's figures for Prometheus."""
    return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", include_in_schema=False)
@router.get("/redoc", include_in_schema=False)
def docs() -> Response:
    """The API explained from /openapi.json, without anything from elsewhere."""
    return FileResponse(STATIC / "docs.html", headers={"Cache-Control": "no-cache"})
