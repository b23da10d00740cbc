"""What runs, as reports name it: a model's resource name and the digest of its weights. Pure."""

from __future__ import annotations

import re
from pathlib import Path

from alpr_edge_agent.models.catalog import KNOWN
from alpr_schemas.resources import AssignedModel, AssignedModels

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def applied_models(detector: tuple[str, str], reader: tuple[str, str]) -> AssignedModels:
    """Both models, each given as (what the settings call it, digest)."""
    return AssignedModels(detector=applied_model(*detector), reader=applied_model(*reader))


def applied_model(called: str, digest: str) -> AssignedModel | None:
    """A model by a name that a resource may have: the catalog's where the digest is known, else made from the path."""
    if not _DIGEST.fullmatch(digest):
        return None
    known = next((model.name for model in KNOWN if f"sha256:{model.sha256}" == digest), None)
    name = known or re.sub(r"[^a-z0-9.-]+", "-", Path(called).stem.lower()).strip("-.")[:63].strip("-.")
    return AssignedModel(name=name or "model", digest=digest)
