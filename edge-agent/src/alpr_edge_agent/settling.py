"""When is a plate's reading final, and how sure is it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from alpr_edge_agent.fusion import Fused


@dataclass(frozen=True, slots=True)
class SettleRule:
    """When a text is published while the vehicle is still in view.

    Attributes:
        reads: readings that spell the text by themselves.
        weight: that these must weigh together (`quality.weight`): three tiny views are no proof.
        lead: log-likelihood by which it leads the runner-up.
        confidence: calibrated, at least.
    """

    reads: int = 2
    weight: float = 1.2
    lead: float = 2.5
    confidence: float = 0.9

    def holds(self, fused: Fused) -> bool:
        """Whether the text is final."""
        return (
            fused.agreeing_reads >= self.reads
            and fused.agreeing >= self.weight
            and fused.lead >= self.lead
            and confidence(fused) >= self.confidence
        )


# Logistic regression: see docs/benchmarks/passes.md for how it was fitted and how well it holds.
_BIAS, _LEAD, _AGREE, _FIT = -1.0, 1.0, 3.0, 0.5


def confidence(fused: Fused) -> float:
    """Probability that the best text is right, 0 to 1, calibrated: by lead, agreement and fit of the readings."""
    lead = min(fused.lead, 6.0)
    agreement = fused.agreeing / max(fused.total, 1e-9)
    logit = _BIAS + _LEAD * math.log1p(max(lead, 0.0)) + _AGREE * agreement + _FIT * max(fused.mean_log, -6.0)
    return 1 / (1 + math.exp(-logit))
