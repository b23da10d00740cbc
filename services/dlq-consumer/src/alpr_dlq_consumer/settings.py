"""All the consumer of dead letters can be told: read once in `main`, then handed down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from psycopg.conninfo import make_conninfo
from pydantic import AliasChoices, Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_dlq_consumer.census import Retention


class DatabaseSettings(BaseSettings):
    """Where the letters lie: ALPR_DATABASE_URL, or the old DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True)

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


class LettersSettings(BaseSettings):
    """How long letters are kept and how often they are counted, as ALPR_DLQ_SETTLED_DAYS and so on."""

    model_config = SettingsConfigDict(env_prefix="ALPR_DLQ_", frozen=True)

    settled_days: PositiveInt = 30
    open_days: PositiveInt = 180
    census_every_s: PositiveFloat = 15.0
    largest_groups: PositiveInt = Field(default=20, le=100)

    @property
    def retention(self) -> Retention:
        """The same, as the caretaker takes it."""
        return Retention(timedelta(days=self.settled_days), timedelta(days=self.open_days))
