"""All the consumer of dead letters can be told: read once in `main`, then handed down."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from alpr_dlq_consumer.census import Retention
from alpr_kafka.settings import ConsumerSettings, Seconds


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
