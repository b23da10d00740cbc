"""A Query API over a test's own database and image folder, on a free port, with a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

READY_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Api:
    """A running API, and what it shows.

    Attributes:
        database: the address of its store.
        images: the folder of its image store.
        status: where it reads the pipeline's status.
    """

    url: str
    database: str
    images: Path
    status: Path


@pytest.fixture
def api(database: str, tmp_path: Path) -> Iterator[Api]:
    """An open API on loopback."""
    with running_api(database, tmp_path) as running:
        yield running


@contextmanager
def running_api(database: str, folder: Path, **settings: Any) -> Iterator[Api]:
    """An API in a thread of its own, with more `settings` of ApiSettings."""
    from alpr_query_api.__main__ import server
    from alpr_query_api.app import create_app
    from alpr_query_api.settings import ApiSettings

    images, status = folder / "images", folder / "pipeline-status.json"
    given = {"database_url": database, "images_url": f"file://{images}", "pipeline_status_path": status, "port": 0}
    chosen = ApiSettings.model_validate({**given, **settings})
    runs = server(chosen, create_app(chosen))
    thread = threading.Thread(target=runs.run, daemon=True)
    thread.start()
    try:
        yield Api(_url(runs, thread), database, images, status)
    finally:
        runs.should_exit = True
        thread.join(READY_WITHIN_S)


def _url(runs: Any, thread: threading.Thread) -> str:
    deadline = time.monotonic() + READY_WITHIN_S
    while not runs.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the API did not start; see its log above")
        time.sleep(0.01)
    host, port = runs.servers[0].sockets[0].getsockname()[:2]
    return f"http://{host}:{port}"
