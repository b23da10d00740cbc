"""From manifests to the one assignment of this machine: pure."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

from alpr_schemas.manifests import Manifests
from alpr_schemas.resources import (
    AssignedCamera,
    AssignedModels,
    AssignmentSpec,
    Camera,
    CameraConfig,
    EdgeAssignment,
    Metadata,
    Protocol,
)
from alpr_standalone.errors import Unusable


def assignment_of(manifests: Manifests, node: str, before: EdgeAssignment | None) -> EdgeAssignment:
    """All cameras on this node. The revision rises when anything differs from `before`.

    Raises Unusable where there is not exactly one site.
    """
    if len(manifests.sites) != 1:
        names = ", ".join(s.metadata.name for s in manifests.sites) or "none"
        raise Unusable(f"one machine serves one AlprSite, found: {names}; keep one in the files that you give")
    site = manifests.sites[0]
    spec = AssignmentSpec(
        node_name=node,
        site=site.spec.site_id,
        models=AssignedModels(detector=site.spec.models.detector, reader=site.spec.models.reader),
        cameras=tuple(_assigned(c) for c in sorted(manifests.cameras, key=lambda c: c.metadata.name)),
    )
    revision = 1
    if before is not None:
        same = before.spec.model_copy(update={"revision": 1}) == spec
        revision = before.spec.revision + (0 if same else 1)
    return EdgeAssignment(metadata=Metadata(name=node), spec=spec.model_copy(update={"revision": revision}))


def _assigned(camera: Camera) -> AssignedCamera:
    spec = camera.spec
    config = CameraConfig(
        display_name=spec.display_name,
        enabled=spec.enabled,
        source=spec.source,
        stream=spec.stream,
        analytics=spec.analytics,
    )
    return AssignedCamera(name=camera.metadata.name, uid=camera.metadata.uid or "", config=config)


def credentials_of(manifests: Manifests) -> bytes:
    """The cameras' users and passwords as the pipeline reads them, JSON for a file of mode 0600."""
    named = {
        camera.metadata.name: manifests.secrets[ref.name]
        for camera in manifests.cameras
        if (ref := camera.spec.source.credentials_secret_ref) is not None
    }
    return json.dumps({n: {"username": c.username, "password": c.password} for n, c in named.items()}).encode()


def missing_files(manifests: Manifests) -> list[str]:
    """What `file` cameras point at and is not there, a line each."""
    lines = []
    for camera in manifests.cameras:
        source = camera.spec.source
        if source.protocol is Protocol.FILE and not Path(unquote(urlsplit(source.url).path)).exists():
            lines.append(f"Camera {camera.metadata.name}: spec.source.url: {source.url}: no such file or folder")
    return lines
