"""`alpr import`: the old list becomes a folder of manifests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alpr_edge_agent.durable import write_durably
from alpr_schemas.import_cameras import import_cameras, secrets_to_yaml, to_yaml


def write_imported(path: Path, output: Path, site: str) -> Iterator[str]:
    """Convert the list at `path` into `output`; a line for each file written. Raises ManifestError."""
    imported = import_cameras(path, site)
    output.mkdir(parents=True, exist_ok=True)
    cameras = output / "cameras.yaml"
    write_durably(cameras, to_yaml([imported.site, *imported.cameras]).encode())
    yield f"{cameras}: AlprSite {site}, {len(imported.cameras)} cameras"
    if imported.secrets:
        secrets = output / "secrets.yaml"
        write_durably(secrets, secrets_to_yaml(imported.secrets).encode(), mode=0o600)
        yield f"{secrets}: {len(imported.secrets)} Secrets, readable by you alone; keep it out of Git"
    yield f"Run: alpr up -f {output}"
