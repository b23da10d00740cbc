"""All the search indexer can be told: read once in `main`, then handed down. Variables keep the old system's names."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, PositiveInt, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from alpr_kafka import database
from alpr_kafka.settings import ConsumerSettings, Seconds

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(told: Any) -> Any:
    """90 (seconds), 90s, 5m, 24h or 30d as a duration; "" and "forever" as None. Raises ValueError for other text."""
    if not isinstance(told, str):
        return told
    if told in ("", "forever"):
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhd]?)", told)
    if found is None:
        raise ValueError("write a number and s, m, h or d, as in 24h")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


Duration = Annotated[timedelta, BeforeValidator(duration)]


class OpenSearchSettings(BaseSettings):
    """Where the search engine is, and how it is filled.

    Attributes:
        bulk_size: documents a request.
        threads: requests at a time.
        keep: months that ended longer ago are deleted; None keeps all.
    """

    model_config = SettingsConfigDict(env_prefix="OPENSEARCH_", frozen=True, populate_by_name=True, extra="ignore")

    hosts: Annotated[tuple[str, ...], NoDecode] = ("http://localhost:9200",)
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    ca_file: Path | None = None
    compress: bool = False
    timeout: Duration = timedelta(seconds=30)
    index_prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")] = "alpr-events"
    bulk_size: PositiveInt = 500
    threads: Annotated[int, Field(ge=1, le=16)] = 2
    shards: PositiveInt = 1
    replicas: Annotated[int, Field(ge=0, le=10)] = 0
    refresh: str = "1s"
    keep: Annotated[timedelta | None, BeforeValidator(duration)] = timedelta(days=90)

    @field_validator("hosts", mode="before")
    @classmethod
    def _listed(cls, told: Any) -> Any:
        return tuple(host.strip() for host in told.split(",")) if isinstance(told, str) else told

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, told: Any) -> Any:
        if isinstance(told, dict) and told.get("password_file") and not told.get("password"):
            return {**told, "password": Path(told["password_file"]).read_text(encoding="utf-8").strip()}
        return told


class IndexerSettings(ConsumerSettings):
    """The consumer, with the old system's group, port and name for the longest wait (seconds)."""

    group_id: str = Field("alpr-elasticsearch-consumer", validation_alias="KAFKA_GROUP_ID")
    metrics_port: int = Field(8004, ge=0, le=65535, validation_alias="METRICS_PORT")
    batch_wait_s: Seconds = Field(0.05, validation_alias=AliasChoices("BATCH_WAIT_S", "OPENSEARCH_FLUSH_INTERVAL"))


class DatabaseSettings(database.DatabaseSettings):
    """The database, asked by a role that may only read."""

    url: SecretStr | None = Field(None, validation_alias=AliasChoices("ALPR_READER_DATABASE_URL", "ALPR_DATABASE_URL"))


class ReconcileSettings(BaseSettings):
    """How often database, index and pictures are compared, and how far back.

    Attributes:
        every: zero switches it off.
        window: back from now; also hours of older events that were stored within it.
        settle: younger rows are still on their way.
        images_url: the object store, as file:///… or s3://…; None leaves pictures alone.
        pictures: keys asked for a pass.
    """

    model_config = SettingsConfigDict(env_prefix="RECONCILE_", frozen=True, extra="ignore", populate_by_name=True)

    every: Duration = timedelta(minutes=5)
    window: Duration = timedelta(hours=24)
    settle: Duration = timedelta(minutes=2)
    images_url: SecretStr | None = Field(None, validation_alias=AliasChoices("images_url", "ALPR_IMAGES_URL"))
    pictures: PositiveInt = 2000
    picture_grace: Duration = timedelta(hours=1)
