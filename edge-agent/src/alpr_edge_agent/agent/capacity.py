"""How many capacity units a node reports: measured where it was measured, guessed by its cores before."""

from __future__ import annotations

from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.trial import TrialResult, units_of
from alpr_edge_agent.trial.hardware import cores
from alpr_schemas.resources import Capacity

GUESSED_UNITS_A_CORE = 1.0


def cores_for_pipeline(settings: NodeSettings) -> float:
    """Processor cores that the pipeline may use."""
    return settings.pipeline_cores or float(cores())


def capacity_of(result: TrialResult | None, settings: NodeSettings, *, on_gpu: bool) -> Capacity:
    """What the node can carry, by the trial of the models that it runs; see `alpr_edge_agent.trial` for the unit."""
    available = cores_for_pipeline(settings)
    if result is None:
        return Capacity(units=max(1, int(available * GUESSED_UNITS_A_CORE)), source="default")
    return Capacity(units=units_of(result, available, on_gpu=on_gpu), source="bench")
