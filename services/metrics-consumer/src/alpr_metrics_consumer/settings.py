"""All the metrics consumer can be told: read once in `main`, then handed down."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from alpr_kafka.settings import ConsumerSettings, Seconds
from alpr_metrics_consumer.series import Bounds


class MetricsSettings(ConsumerSettings):
    """The kit's settings with this service's group and port, and what is exposed: see `Bounds`.

    Attributes:
        allow: patterns of metric names with commas between them, as in `fps,gpu_*`.
    """

    group_id: str = Field("alpr-metrics-consumer", validation_alias="KAFKA_GROUP_ID")
    metrics_port: int = Field(8006, ge=0, le=65535, validation_alias="METRICS_PORT")
    allow: Annotated[tuple[str, ...], NoDecode] = Field(("*",), validation_alias="ALPR_METRICS_ALLOW")
    max_series: int = Field(2000, ge=1, validation_alias="ALPR_METRICS_MAX_SERIES")
    max_series_a_host: int = Field(100, ge=1, validation_alias="ALPR_METRICS_MAX_SERIES_A_HOST")
    max_hosts: int = Field(1000, ge=1, validation_alias="ALPR_METRICS_MAX_HOSTS")
    stale_after_s: Seconds = Field(300.0, validation_alias="ALPR_METRICS_STALE_AFTER_S")
    ahead_s: float = Field(300.0, ge=0, validation_alias="ALPR_METRICS_AHEAD_S")
    host_kept_s: Seconds = Field(86_400.0, validation_alias="ALPR_METRICS_HOST_KEPT_S")

    @field_validator("allow", mode="before")
    @classmethod
    def _split(cls, told: object) -> object:
        return tuple(part.strip() for part in told.split(",") if part.strip()) if isinstance(told, str) else told

    @property
    def bounds(self) -> Bounds:
        """The same, as the series take them."""
        names = ("allow", "max_series", "max_series_a_host", "max_hosts", "stale_after_s", "ahead_s", "host_kept_s")
        return Bounds(**{name: getattr(self, name) for name in names})
