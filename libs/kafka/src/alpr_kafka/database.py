"""Where the database is and what it can do to a consumer; for services only: the agent has no driver."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_kafka.errors import Misdeployed, Unavailable

_OUTAGES: Final = frozenset({"08", "40", "53", "55", "57", "58"})
# A standby in the primary's place; a transaction that slept too long; a plan of before a migration.
_PASSING: Final = frozenset({"25006", "25P03", "0A000"})
_DEPLOYMENT: Final = "42"


class DatabaseSettings(BaseSettings):
    """ALPR_DATABASE_URL, or the old DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD (or DB_PASSWORD_FILE).

    By these names alone: a shell's USER, HOST or NAME means something else.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    url: SecretStr | None = Field(None, validation_alias="ALPR_DATABASE_URL")
    host: str = Field("localhost", validation_alias="DB_HOST")
    port: int = Field(5432, ge=1, le=65535, validation_alias="DB_PORT")
    name: str = Field("alpr_db", validation_alias="DB_NAME")
    user: str = Field("alpr", validation_alias="DB_USER")
    password: SecretStr | None = Field(None, validation_alias="DB_PASSWORD")
    password_file: Path | None = Field(None, validation_alias="DB_PASSWORD_FILE")

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


def translated(error: psycopg.Error) -> Exception:
    """`error` named by who must act, by SQLSTATE class (PostgreSQL's appendix A), for `raise … from None`.

    What is a bug becomes a RuntimeError: the server's own sentences quote rows, and those must not reach a traceback.
    """
    state = error.sqlstate or ""
    said = f"database: {type(error).__name__} {state}".rstrip()
    if state[:2] == _DEPLOYMENT:
        return Misdeployed(f"{said}: run `alpr-storage-consumer migrate`, and look at the rights of the user")
    if isinstance(error, psycopg.OperationalError) or state[:2] in _OUTAGES or state in _PASSING:
        return Unavailable(said)
    return RuntimeError(said)
