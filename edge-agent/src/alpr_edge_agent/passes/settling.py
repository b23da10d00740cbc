"""When is a plate's reading final, and how sure is it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from alpr_edge_agent.passes.fusion import Fused


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
    weight: float = 1.0
    lead: float = 2.5
    confidence: float = 0.93

    def holds(self, fused: Fused) -> bool:
        """Whether the text is final."""
        return (
            fused.agreeing_reads >= self.reads
            and fused.agreeing >= self.weight
            and fused.lead >= self.lead
            and confidence(fused) >= self.confidence
        )


# Logistic regression on simulated passes of development seeds (1000 and above); how well it holds: docs/benchmarks/.
_BIAS, _LEAD, _SUREST = -2.95, 2.25, 1.6


def confidence(fused: Fused) -> float:
    """Probability that the best text is right, 0 to 1, calibrated by its lead and its surest reading."""
    lead = math.log1p(min(max(fused.lead, 0.0), 12.0))
    logit = _BIAS + _LEAD * lead + _SUREST * fused.surest
    return 1 / (1 + math.exp(-logit))
