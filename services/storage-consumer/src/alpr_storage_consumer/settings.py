"""All the storage consumer can be told, under the old system's names: read once in `main`, then handed down."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_kafka import database
from alpr_kafka.settings import ConsumerSettings, Seconds

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(told: Any) -> Any:
    """90s, 5m, 24h or 365d as a duration, "forever" as None."""
    if not isinstance(told, str):
        return told
    if told in {"", "forever"}:
        return None
    found = re.fullmatch(r"(\d{1,9})([smhd])", told)
    if found is None:
        raise ValueError("write a number and s, m, h or d, as in 365d; or forever")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


Age = Annotated[timedelta | None, BeforeValidator(_duration)]


class StorageSettings(ConsumerSettings):
    """The consumer: the kit's settings, with this service's group and port.

    Attributes:
        batch_records, batch_bytes: four times the kit's, because a transaction costs the database the same however many
            rows it brings; only a backlog ever fills them.
        max_age: older events are refused as a clock's error; None takes any from the year 2000 on.
    """

    group_id: str = Field("alpr-storage-consumer", validation_alias="KAFKA_GROUP_ID")
    batch_records: int = Field(8000, ge=1, le=50_000, validation_alias="BATCH_RECORDS")
    batch_bytes: int = Field(8 << 20, ge=1, validation_alias="BATCH_BYTES")
    metrics_port: int = Field(8002, ge=0, le=65535, validation_alias="METRICS_PORT")
    max_age: Age = Field(timedelta(days=3653), validation_alias="STORAGE_MAX_AGE")


class DatabaseSettings(database.DatabaseSettings):
    """The database, and how long it may take.

    Attributes:
        lock_timeout_s, statement_timeout_s: a batch that waits longer is given up, and tried again.
    """

    lock_timeout_s: Seconds = Field(5.0, validation_alias="DB_LOCK_TIMEOUT_S")
    statement_timeout_s: Seconds = Field(60.0, validation_alias="DB_STATEMENT_TIMEOUT_S")


class RetentionSettings(BaseSettings):
    """How long rows are kept, as RETAIN_PLATES=365d; None (forever) keeps all.

    Attributes:
        every: how often old rows are removed by the service; None leaves it to `alpr-storage-consumer retain`.
    """

    model_config = SettingsConfigDict(env_prefix="RETAIN_", frozen=True, populate_by_name=True, extra="ignore")

    plates: Age = None
    vehicles: Age = None
    metrics: Age = timedelta(days=30)
    every: Age = timedelta(hours=1)

    def by_table(self) -> dict[str, timedelta]:
        """The ages of those tables that do not keep all."""
        told = {"plate_events": self.plates, "vehicle_events": self.vehicles, "metric_events": self.metrics}
        return {table: age for table, age in told.items() if age is not None}
