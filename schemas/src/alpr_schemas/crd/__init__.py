"""The CustomResourceDefinitions, made from the models: `python -m alpr_schemas.crd crds/` writes them."""

from __future__ import annotations

from alpr_schemas.crd.definitions import definitions

__all__ = ["definitions"]
