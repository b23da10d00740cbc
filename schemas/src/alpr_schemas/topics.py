"""The topics; their names are part of the contract."""

from typing import Final

PLATES: Final = "alpr.events.plates"
VEHICLES: Final = "alpr.events.vehicles"
METRICS: Final = "alpr.metrics"
DEAD_LETTERS: Final = "alpr.dlq"
