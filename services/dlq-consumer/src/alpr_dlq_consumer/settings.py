"""All the consumer of dead letters can be told: read once in `main`, then handed down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from psycopg.conninfo import make_conninfo
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_dlq_consumer.census import Retention
from alpr_kafka.settings import ConsumerSettings, Seconds


class DatabaseSettings(BaseSettings):
    """Where the letters lie: ALPR_DATABASE_URL, or the old DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("ALPR_DATABASE_URL", "url"))
    host: str | None = Field(default=None, validation_alias="DB_HOST")
    port: int = Field(default=5432, validation_alias="DB_PORT")
    name: str = Field(default="alpr_db", validation_alias="DB_NAME")
    user: str = Field(default="alpr", validation_alias="DB_USER")
    password: SecretStr | None = Field(default=None, validation_alias="DB_PASSWORD")
    password_file: Path | None = Field(default=None, validation_alias="DB_PASSWORD_FILE")

    @property
    def dsn(self) -> str | None:
        """The address, with its password; None where the environment names no database."""
        if self.url is not None:
            return self.url.get_secret_value()
        if self.host is None:
            return None
        return make_conninfo(
            host=self.host, port=self.port, dbname=self.name, user=self.user, password=self._password()
        )

    def _password(self) -> str | None:
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").strip()
        return self.password.get_secret_value() if self.password else None


class LettersSettings(ConsumerSettings):
    """The consumer: the kit's settings with this service's group and port, and how letters are kept and counted.

    Attributes:
        settled_days: replayed and discarded letters are deleted after so many days.
        open_days: new and parked ones, of which nobody decided; they are personal data too.
        largest_groups: how many groups are named to Prometheus.
    """

    group_id: str = Field("alpr-dlq-consumer", validation_alias="KAFKA_GROUP_ID")
    metrics_port: int = Field(8005, ge=0, le=65535, validation_alias="METRICS_PORT")
    settled_days: int = Field(30, ge=1, validation_alias="ALPR_DLQ_SETTLED_DAYS")
    open_days: int = Field(180, ge=1, validation_alias="ALPR_DLQ_OPEN_DAYS")
    census_every_s: Seconds = Field(15.0, validation_alias="ALPR_DLQ_CENSUS_EVERY_S")
    largest_groups: int = Field(20, ge=0, le=100, validation_alias="ALPR_DLQ_LARGEST_GROUPS")

    @property
    def retention(self) -> Retention:
        """The same, as the caretaker takes it."""
        return Retention(timedelta(days=self.settled_days), timedelta(days=self.open_days))


def faults(error: ValidationError) -> str:
    """What is wrong with the settings, without the values: some are secret."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
