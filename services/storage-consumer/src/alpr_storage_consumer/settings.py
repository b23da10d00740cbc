"""All the storage consumer can be told, under the old system's names: read once in `main`, then handed down."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from psycopg.conninfo import make_conninfo
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

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
        max_age: older events are refused as a clock's error; None takes any from the year 2000 on.
    """

    group_id: str = Field("alpr-storage-consumer", validation_alias="KAFKA_GROUP_ID")
    metrics_port: int = Field(8002, ge=0, le=65535, validation_alias="METRICS_PORT")
    max_age: Age = Field(timedelta(days=3653), validation_alias="STORAGE_MAX_AGE")


class DatabaseSettings(BaseSettings):
    """The database: ALPR_DATABASE_URL, or the old DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD.

    Attributes:
        lock_timeout_s, statement_timeout_s: a batch that waits longer is given up, and tried again.
    """

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    url: SecretStr | None = Field(None, validation_alias=AliasChoices("url", "ALPR_DATABASE_URL"))
    host: str = Field("localhost", validation_alias="DB_HOST")
    port: int = Field(5432, ge=1, le=65535, validation_alias="DB_PORT")
    name: str = Field("alpr_db", validation_alias="DB_NAME")
    user: str = Field("alpr", validation_alias="DB_USER")
    password: SecretStr | None = Field(None, validation_alias="DB_PASSWORD")
    password_file: Path | None = Field(None, validation_alias="DB_PASSWORD_FILE")
    lock_timeout_s: Seconds = Field(5.0, validation_alias="DB_LOCK_TIMEOUT_S")
    statement_timeout_s: Seconds = Field(60.0, validation_alias="DB_STATEMENT_TIMEOUT_S")

    @property
    def named(self) -> bool:
        """Whether the environment names a database at all."""
        return bool({"url", "host"} & self.model_fields_set)

    def dsn(self) -> str:
        """The address for the driver, password and all: hand it on, never log it."""
        if self.url is not None:
            return self.url.get_secret_value()
        return make_conninfo(
            host=self.host, port=self.port, dbname=self.name, user=self.user, password=self._password()
        )

    def _password(self) -> str | None:
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").strip()
        return self.password.get_secret_value() if self.password else None


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
