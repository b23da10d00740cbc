"""The old `config/cameras.yaml` as AlprSite, Camera and Secret documents; and addresses without their passwords."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from pydantic import ValidationError

from alpr_schemas.manifests import Credentials, ManifestError, Problem
from alpr_schemas.resources import (
    AlprSite,
    Camera,
    CameraSpec,
    Metadata,
    Protocol,
    SecretRef,
    SiteRef,
    SiteSpec,
    Source,
    Stream,
)

_SCHEME = re.compile(r"^(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://(?P<rest>.*)$", re.DOTALL)
_HOST = re.compile(r"[a-zA-Z0-9.-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")
_PROTOCOLS = {
    "rtsp": Protocol.RTSP,
    "rtsps": Protocol.RTSP,
    "http": Protocol.ONVIF,
    "https": Protocol.ONVIF,
    "onvif": Protocol.ONVIF,
    "usb": Protocol.USB,
    "v4l2": Protocol.USB,
    "file": Protocol.FILE,
}
_VIDEO_SIZES = {"720p": (1280, 720), "1080p": (1920, 1080), "4k": (3840, 2160)}


@dataclass(frozen=True, slots=True)
class Imported:
    """Documents made from somebody's list; `secrets` belong into a file that only its owner can read."""

    site: AlprSite
    cameras: tuple[Camera, ...]
    secrets: dict[str, Credentials] = field(default_factory=dict)


def split_credentials(address: str) -> tuple[str, Credentials | None]:
    """`address` without the user and password that stand before its host, and these; percent signs are decoded."""
    match = _SCHEME.match(address)
    if not match:
        return address, None
    authority, slash, path = match["rest"].partition("/")
    if "@" in path and not _HOST.fullmatch(authority.rpartition("@")[2]):  # a password that holds a slash
        authority, slash, path = _around_last_at(match["rest"])
    user_info, at, host = authority.rpartition("@")
    if not at:
        return address, None
    user, _, password = user_info.partition(":")
    return f"{match['scheme']}://{host}{slash}{path}", Credentials(unquote(user), unquote(password))


def _around_last_at(rest: str) -> tuple[str, str, str]:
    before, _, after = rest.rpartition("@")
    host, slash, path = after.partition("/")
    return f"{before}@{host}", slash, path


def source_of(address: str) -> tuple[Source, Credentials | None]:
    """The source that `address` means: an URL, a device (/dev/video0, or its number), a clip, a photo or a folder.

    Raises ValueError that says what an address can be.
    """
    bare, credentials = split_credentials(str(address).strip())
    if bare.isdigit():
        bare = f"/dev/video{bare}"
    match = _SCHEME.match(bare)
    if match is None:
        scheme = "usb" if bare.startswith("/dev/") else "file"
        bare = f"{scheme}://{bare if scheme == 'usb' else _absolute(bare)}"
        return Source(protocol=_PROTOCOLS[scheme], url=bare), None
    protocol = _PROTOCOLS.get(match["scheme"].lower())
    if protocol is None:
        known = ", ".join(f"{scheme}://" for scheme in _PROTOCOLS)
        raise ValueError(f"{match['scheme']}:// is no source we can read; use one of {known}, a device or a path")
    return Source(protocol=protocol, url=bare), credentials


def _absolute(path: str) -> Path:
    try:
        return Path(path).expanduser().resolve()
    except RuntimeError:
        user = path.split("/", maxsplit=1)[0]
        raise ValueError(f"{user}: there is no such user on this machine; give the whole path") from None


def resource_name(text: str) -> str:
    """`text` as a resource name: lower case, other signs than letters, digits and dots made to dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:63].rstrip("-.")


def import_cameras(path: Path, site: str) -> Imported:
    """Convert the old list. Raises ManifestError with every entry that cannot be taken."""
    entries, lines = _entries(path)
    problems: list[Problem] = []
    cameras: list[Camera] = []
    secrets: dict[str, Credentials] = {}
    for entry, line in zip(entries, lines, strict=True):
        try:
            camera, credentials = camera_of(entry, site)
        except ValidationError as e:
            first = e.errors()[0]
            problems.append(Problem(path, line, ".".join(map(str, first["loc"])), str(first["msg"])))
            continue
        except ValueError as e:
            problems.append(Problem(path, line, "cameras", str(e)))
            continue
        if any(camera.metadata.name == other.metadata.name for other in cameras):
            problems.append(
                Problem(path, line, "id", f"{camera.metadata.name} stands twice; give each camera its own id")
            )
        cameras.append(camera)
        if credentials:
            secrets[f"{camera.metadata.name}-credentials"] = credentials
    if problems:
        raise ManifestError(problems)
    return Imported(site_of(site), tuple(cameras), secrets)


def site_of(site: str) -> AlprSite:
    """An AlprSite with nothing but its name."""
    return AlprSite(metadata=Metadata(name=site), spec=SiteSpec(site_id=site))


def camera_of(entry: dict[str, Any], site: str) -> tuple[Camera, Credentials | None]:
    """One entry of the old list: id, name, source or rtsp_url, fps, resolution, enabled. Raises ValueError."""
    identifier = str(entry.get("id") or entry.get("name") or "")
    name = resource_name(identifier)
    if not name:
        raise ValueError("id: missing; every camera needs one")
    address = entry.get("source", entry.get("rtsp_url"))
    if address is None:
        raise ValueError(f"{identifier}: source: missing; an rtsp:// address, a device number or a path")
    source, credentials = source_of(str(address))
    if credentials:
        source = source.model_copy(update={"credentials_secret_ref": SecretRef(name=f"{name}-credentials")})
    spec = CameraSpec(
        site_ref=SiteRef(name=site),
        enabled=bool(entry.get("enabled", True)),
        display_name=str(entry["name"]) if entry.get("name") else None,
        source=source,
        stream=_stream({**(entry.get("settings") or {}), **entry}),
    )
    return Camera(metadata=Metadata(name=name), spec=spec), credentials


def _stream(entry: dict[str, Any]) -> Stream:
    width, height = _size(entry.get("resolution"))
    fps = entry.get("fps")
    codec = str(entry["codec"]).lower().replace(".", "") if entry.get("codec") else None
    return Stream.model_validate(
        {
            "width": width,
            "height": height,
            "fps": float(fps) if fps else None,
            "codec": {"hevc": "h265", "avc": "h264"}.get(codec, codec) if codec else None,
        }
    )


def _size(value: Any) -> tuple[int | None, int | None]:
    match value:
        case None:
            return None, None
        case [width, height]:
            return int(width), int(height)
        case {"width": width, "height": height}:
            return int(width), int(height)
        case str() if value.lower() in _VIDEO_SIZES:
            return _VIDEO_SIZES[value.lower()]
        case str() if "x" in value:
            width, _, height = value.partition("x")
            return int(width), int(height)
        case _:
            raise ValueError(f"resolution: {value}: write [1920, 1080], 1920x1080 or 1080p")


def _entries(path: Path) -> tuple[list[dict[str, Any]], list[int]]:
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ManifestError([Problem(path, 1, "", f"cannot be read as YAML: {e.__class__.__name__}")]) from e
    entries = data.get("cameras") if isinstance(data, dict) else data
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ManifestError([Problem(path, 1, "cameras", "expected a list of cameras, each with id and source")])
    return entries, _lines(node)


def _lines(node: yaml.Node | None) -> list[int]:
    sequence = node
    if isinstance(node, yaml.MappingNode):
        sequence = next(value for key, value in node.value if key.value == "cameras")
    assert isinstance(sequence, yaml.SequenceNode)  # noqa: S101 - `_entries` saw a list
    return [item.start_mark.line + 1 for item in sequence.value]


def to_yaml(resources: Sequence[AlprSite | Camera]) -> str:
    """The resources as one YAML file."""
    return yaml.safe_dump_all([_tidy(r.wire(), r) for r in resources], sort_keys=False, allow_unicode=True)


def _tidy(data: dict[str, Any], resource: AlprSite | Camera) -> dict[str, Any]:
    """Without what equals its default, so that a person reads what was meant."""
    data["metadata"] = {"name": resource.metadata.name}
    data["spec"] = resource.spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return data


def secrets_to_yaml(secrets: dict[str, Credentials]) -> str:
    """The Secrets as one YAML file, for a file of mode 0600."""
    return yaml.safe_dump_all(
        [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name},
                "stringData": {"username": c.username, "password": c.password},
            }
            for name, c in secrets.items()
        ],
        sort_keys=False,
    )
