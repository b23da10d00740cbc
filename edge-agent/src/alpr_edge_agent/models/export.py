"""Models for a fleet: files that are called after their digest, and the words that name them in a site's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.models.catalog import KNOWN, KnownModel
from alpr_edge_agent.models.settings import default_models_dir
from alpr_edge_agent.models.store import prepare

_SCHEMES = {"https", "s3", "file"}


def export(folder: Path, url: str, models_dir: Path | None = None) -> dict[str, Path]:
    """Write every known model into `folder`, and models.yaml for files that will lie at `url`. Their paths by name.

    Raises:
        ModelUnavailable: one is not installed.
        OSError: the folder takes no files.
        ValueError: agents fetch nothing from such a `url`.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or "@" in parts.netloc:
        raise ValueError(f"--url {url}: write s3://bucket, https://host/path or file:///folder, without a password")
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for known in KNOWN:
        path = folder / file_of(known)
        if not path.exists():
            write_durably(path, prepare(known, models_dir or default_models_dir()).read_bytes())
        written[known.name] = path
    write_durably(folder / "models.yaml", _values(url).encode())
    return written


def file_of(known: KnownModel) -> str:
    """What a model's file is called: name and digest, so that another version never takes its place."""
    return f"{known.name}-{known.sha256[:12]}.onnx"


def site_models(url: str) -> dict[str, Any]:
    """`spec.models` of an AlprSite whose agents fetch from `url`. Pure."""
    roles = {"detector": "detector", "recognizer": "reader"}
    return {
        roles[known.role]: {
            "name": known.name,
            "digest": f"sha256:{known.sha256}",
            "url": f"{url.rstrip('/')}/{file_of(known)}",
        }
        for known in KNOWN
    }


def _values(url: str) -> str:
    """Values of chart alpr-site. JSON strings are YAML's too."""
    lines = ["# For chart alpr-site, or spec.models of an AlprSite.", "site:", "  models:"]
    for role, model in site_models(url).items():
        lines.append(f"    {role}:")
        lines += [f"      {key}: {json.dumps(value)}" for key, value in model.items()]
    return "\n".join(lines) + "\n"
