"""Manifests that we write ourselves: for the demo, and for an address that a person gives."""

from __future__ import annotations

from pathlib import Path

from alpr_edge_agent.durable import write_durably
from alpr_schemas.import_cameras import secrets_to_yaml, site_of, source_of, to_yaml
from alpr_schemas.manifests import Credentials
from alpr_schemas.resources import (
    Camera,
    CameraSpec,
    Metadata,
    Protocol,
    SecretRef,
    SiteRef,
    Source,
)
from alpr_standalone.errors import Unusable

SITE = "local"
SECRET_NAME = "camera-credentials"  # noqa: S105 - the name of a Secret, not one
VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm", ".ts", ".m4v", ".h264", ".h265"})


def manifests_for_demo(folder: Path, clip: Path) -> Path:
    """Write a site with one camera that plays `clip` over and over; the folder with its manifests."""
    source = Source(protocol=Protocol.FILE, url=f"file://{clip}", loop=True, realtime=True)
    return _write(folder / "demo", _camera("demo-gate", "Demo gate", source), None)


def manifests_for_address(folder: Path, address: str) -> Path:
    """Write a site with one camera for `address`: an URL, a device, a clip, a photo or a folder.

    A user and a password in it go into a Secret of mode 0600. Raises Unusable that says what an address can be.
    """
    try:
        source, credentials = source_of(address)
    except ValueError as e:
        raise Unusable(f"SOURCE: {e}") from e
    if source.protocol is Protocol.FILE:
        source = _local(source)
    return _write(folder / "given", _camera("camera", None, source), credentials)


def _local(source: Source) -> Source:
    path = Path(source.url.removeprefix("file://"))
    if not path.exists():
        raise Unusable(f"SOURCE: {path}: no such file or folder")
    if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
        return source.model_copy(update={"realtime": True})
    return source


def _camera(name: str, display_name: str | None, source: Source) -> Camera:
    spec = CameraSpec(site_ref=SiteRef(name=SITE), display_name=display_name, source=source)
    return Camera(metadata=Metadata(name=name), spec=spec)


def _write(folder: Path, camera: Camera, credentials: Credentials | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    secret_file = folder / "secret.yaml"
    secret_file.unlink(missing_ok=True)
    if credentials is not None:
        reference = SecretRef(name=SECRET_NAME)
        source = camera.spec.source.model_copy(update={"credentials_secret_ref": reference})
        camera = camera.model_copy(update={"spec": camera.spec.model_copy(update={"source": source})})
        write_durably(secret_file, secrets_to_yaml({SECRET_NAME: credentials}).encode(), mode=0o600)
    write_durably(folder / "cameras.yaml", to_yaml([site_of(SITE), camera]).encode())
    return folder
