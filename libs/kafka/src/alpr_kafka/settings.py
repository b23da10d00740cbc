"""What Kafka, the registry and a consumer are told: from the environment, under the names that they always had."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasGenerator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0)]


def _named(prefix: str) -> SettingsConfigDict:
    """Fields by their variables' names, so that an error says which variable is wrong; code goes on naming fields."""
    named = AliasGenerator(validation_alias=lambda field: f"{prefix}{field.upper()}")
    return SettingsConfigDict(
        env_prefix=prefix, alias_generator=named, populate_by_name=True, frozen=True, extra="ignore"
    )


class KafkaSettings(BaseSettings):
    """How to reach the brokers: KAFKA_BOOTSTRAP_SERVERS and so on.

    Attributes:
        bootstrap_servers: host:port, several with commas.
        sasl_password_file: a file that holds the password, in place of `sasl_password`.
        ssl_ca_file: who signed the brokers' certificates; left out, the system's list.
        ssl_certificate_file, ssl_key_file: our own, for mutual TLS.
    """

    model_config = _named("KAFKA_")

    bootstrap_servers: str = "localhost:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_password_file: Path | None = None
    ssl_ca_file: Path | None = None
    ssl_certificate_file: Path | None = None
    ssl_key_file: Path | None = None

    @model_validator(mode="after")
    def _complete(self) -> KafkaSettings:
        if self.security_protocol.startswith("SASL") and (self.sasl_username is None or self._password() is None):
            told = f"KAFKA_SECURITY_PROTOCOL={self.security_protocol} wants KAFKA_SASL_USERNAME and"
            raise ValueError(f"{told} KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE")
        return self

    def _password(self) -> str | None:
        if self.sasl_password is not None:
            return self.sasl_password.get_secret_value()
        if self.sasl_password_file is None:
            return None
        try:
            return self.sasl_password_file.read_text().strip() or None
        except (OSError, UnicodeDecodeError) as e:
            raise ValueError(f"KAFKA_SASL_PASSWORD_FILE cannot be read ({type(e).__name__}); mount it") from None

    def client(self) -> dict[str, Any]:
        """The settings of a librdkafka client; they hold the password."""
        told: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "reconnect.backoff.max.ms": 1000,  # a broker that is back shall be found within a second
        }
        if self.security_protocol.startswith("SASL"):
            told |= {
                "sasl.mechanisms": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self._password(),
            }
        files = {
            "ssl.ca.location": self.ssl_ca_file,
            "ssl.certificate.location": self.ssl_certificate_file,
            "ssl.key.location": self.ssl_key_file,
        }
        return told | {name: str(path) for name, path in files.items() if path is not None}


class RegistrySettings(BaseSettings):
    """How to reach the schema registry: SCHEMA_REGISTRY_URL and so on.

    Attributes:
        url: Confluent's API; of Apicurio http://host:8081/apis/ccompat/v7.
        cache_folder: where schemas and ids are kept, so that a start without the registry works.
    """

    model_config = _named("SCHEMA_REGISTRY_")

    url: str = "http://localhost:8081"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    timeout_s: Seconds = 5.0
    cache_folder: Path | None = None


class ConsumerSettings(BaseSettings):
    """How a consumer works; the defaults of a service are in its own subclass.

    Attributes:
        group_id: the consumer group.
        instance_id: its name as a static member: the same after a restart, so that no rebalance is needed.
        auto_offset_reset: where to begin without an offset.
        batch_records, batch_bytes, batch_wait_s: a batch ends at whichever comes first.
        session_timeout_s: a member that is silent for so long loses its partitions.
        stop_within_s: at SIGTERM the batch in flight may take so long.
        enable_dlq: whether refused records become dead letters; without it they are counted, and gone.
        dead_share, dead_in_a_row: more refused than that share of the last records, or so many in a row of a partition,
            stop the consumer.
        max_retries, retry_delay_base, processing_timeout: kept from the old system and not used: outages are waited
            out, whatever it takes.
        metrics_port: /metrics, /health, /ready; 0 serves none.
    """

    # Code names fields; the environment only aliases: without a prefix a shell's GROUP_ID would count as well.
    model_config = SettingsConfigDict(env_prefix="ALPR_CONSUMER_", frozen=True, extra="ignore", populate_by_name=True)

    group_id: str = Field(default="alpr", validation_alias="KAFKA_GROUP_ID")
    instance_id: str = Field(default_factory=socket.gethostname, validation_alias="KAFKA_INSTANCE_ID")
    auto_offset_reset: Literal["earliest", "latest"] = Field(default="earliest", validation_alias="AUTO_OFFSET_RESET")
    batch_records: int = Field(default=2000, ge=1, le=50_000, validation_alias="BATCH_RECORDS")
    batch_bytes: int = Field(default=1 << 20, ge=1, validation_alias="BATCH_BYTES")
    batch_wait_s: float = Field(default=0.05, ge=0, validation_alias="BATCH_WAIT_S")
    session_timeout_s: Seconds = Field(default=30.0, validation_alias="SESSION_TIMEOUT_S")
    stop_within_s: Seconds = Field(default=5.0, validation_alias="STOP_WITHIN_S")
    enable_dlq: bool = Field(default=True, validation_alias="ENABLE_DLQ")
    dlq_topic: str = Field(default="alpr.dlq", validation_alias="DLQ_TOPIC")
    dead_share: float = Field(default=0.05, gt=0, le=1, validation_alias="DLQ_MAX_SHARE")
    dead_in_a_row: int = Field(default=100, ge=1, validation_alias="DLQ_MAX_IN_A_ROW")
    max_retries: int = Field(default=3, ge=0, validation_alias="MAX_RETRIES")
    retry_delay_base: float = Field(default=2.0, ge=0, validation_alias="RETRY_DELAY_BASE")
    processing_timeout: Seconds = Field(default=30.0, validation_alias="PROCESSING_TIMEOUT")
    metrics_port: int = Field(default=0, ge=0, le=65535, validation_alias="METRICS_PORT")

    def client(self) -> dict[str, Any]:
        """What of it is for the librdkafka client, beside KafkaSettings.client()."""
        return {
            "group.id": self.group_id,
            "group.instance.id": self.instance_id,
            "client.id": self.instance_id,
            "partition.assignment.strategy": "range",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": self.auto_offset_reset,
            "isolation.level": "read_committed",
            "session.timeout.ms": int(self.session_timeout_s * 1000),
            "heartbeat.interval.ms": int(self.session_timeout_s * 1000 / 10),
            "max.poll.interval.ms": 600_000,
            "allow.auto.create.topics": False,
            "topic.metadata.refresh.interval.ms": 10_000,
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 16_384,
            "fetch.queue.backoff.ms": 10,  # the client's own is a second, in which a backlog stands still
        }
