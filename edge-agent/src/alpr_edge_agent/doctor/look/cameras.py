"""Opens each camera as the pipeline would, and waits for one picture. No password leaves here."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from alpr_edge_agent.decode import DecodeSettings, open_decoder
from alpr_edge_agent.doctor.facts import CameraSeen
from alpr_edge_agent.errors import EdgeError
from alpr_edge_agent.sources import Login, Surroundings, open_source
from alpr_edge_agent.sources.clip_times import ClipTimes
from alpr_schemas.import_cameras import source_of
from alpr_schemas.manifests import read_manifests
from alpr_schemas.resources import AssignedCamera, CameraConfig, Source

AT_ONCE: Final = 8
_NO_PICTURE: Final = "it opens, and gives no picture; look at the camera's settings of its stream"


def cameras_of(addresses: Sequence[str], manifests: Iterable[Path]) -> list[tuple[AssignedCamera, Login | None]]:
    """The cameras of addresses and of manifests, with their logins. Raises ManifestError; ValueError for an address."""
    found: list[tuple[AssignedCamera, Login | None]] = []
    for number, address in enumerate(addresses, start=1):
        source, login = source_of(address)
        name = "camera" if len(addresses) == 1 else f"camera-{number}"
        found.append((_camera(name, source), Login(login.username, login.password) if login else None))
    paths = list(manifests)
    if not paths:
        return found
    told = read_manifests(paths)
    for camera in told.cameras:
        ref = camera.spec.source.credentials_secret_ref
        secret = told.secrets[ref.name] if ref else None
        login_of = Login(secret.username, secret.password) if secret else None
        found.append((_camera(camera.metadata.name, camera.spec.source), login_of))
    return found


def _camera(name: str, source: Source) -> AssignedCamera:
    return AssignedCamera(name=name, uid="", config=CameraConfig(source=source))


def look_at_cameras(cameras: Sequence[tuple[AssignedCamera, Login | None]]) -> Iterator[CameraSeen]:
    """Each camera, several at once; a few seconds each at most."""
    if not cameras:
        return
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(min(AT_ONCE, len(cameras))) as pool:
        times = ClipTimes(Path(folder) / "clips.json")
        yield from pool.map(lambda told: _look(told[0], told[1], times), cameras)


def _look(camera: AssignedCamera, login: Login | None, times: ClipTimes) -> CameraSeen:
    where = _where(camera.config.source.url)
    around = Surroundings(camera.name, "doctor", DecodeSettings(), open_decoder, times, threading.Event(), nullcontext)
    began = time.monotonic()
    try:
        feed = open_source(camera, login, around).open()
        if feed is None:
            return CameraSeen(camera.name, where, _NO_PICTURE)
        try:
            frame = next(iter(feed), None)
            stream = f"{feed.stream.codec}, {feed.stream.width}x{feed.stream.height}"
        finally:
            feed.close()
    except EdgeError as e:
        return CameraSeen(camera.name, where, str(e))
    if frame is None:
        return CameraSeen(camera.name, where, _NO_PICTURE)
    return CameraSeen(camera.name, where, "", stream, time.monotonic() - began)


def _where(url: str) -> str:
    """The address without user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
