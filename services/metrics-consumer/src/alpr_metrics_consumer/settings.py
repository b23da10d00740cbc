"""All the metrics consumer can be told: read once in `main`, then handed down."""

from __future__ import annotations

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_metrics_consumer.series import Bounds


class ExpositionSettings(BaseSettings):
    """What is exposed, as ALPR_METRICS_ALLOW='["gpu_*"]' and so on; see `Bounds`."""

    model_config = SettingsConfigDict(env_prefix="ALPR_METRICS_", frozen=True)

    allow: tuple[str, ...] = ("*",)
    max_series: PositiveInt = 2000
    max_series_a_host: PositiveInt = 100
    max_hosts: PositiveInt = 1000
    stale_after_s: PositiveFloat = 300.0
    ahead_s: NonNegativeFloat = 300.0
    host_kept_s: PositiveFloat = 86_400.0

    @property
    def bounds(self) -> Bounds:
        """The same, as the series take them."""
        return Bounds(**self.model_dump())
