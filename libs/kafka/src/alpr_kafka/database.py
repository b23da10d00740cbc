"""Where the database is, for the consumers that keep their offsets in it and for whoever asks it beside them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
        from psycopg.conninfo import make_conninfo  # the agent, which has no database, has no driver

        return make_conninfo(
            host=self.host, port=self.port, dbname=self.name, user=self.user, password=self._password()
        )

    def _password(self) -> str | None:
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").strip()
        return self.password.get_secret_value() if self.password else None
