"""A pass over one site: what is seen in, what must be written out."""

from __future__ import annotations

from alpr_operator.passes.site import Around, Outcome, SiteMemory, site_pass
from alpr_operator.passes.waves import SeenPod, seen_pod

__all__ = ["Around", "Outcome", "SeenPod", "SiteMemory", "seen_pod", "site_pass"]
