"""The agent of this machine: what a fleet sends to Kafka and S3 goes straight to the database and the disk."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_edge_agent.agent.run import run_agent
from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.outbox.reader import OutboxRow
from alpr_edge_agent.publish.objects import StoreSink
from alpr_images.store import open_image_store
from alpr_kafka.errors import Unavailable
from alpr_kafka.records import Record
from alpr_storage_consumer.handler import DirectHandler
from alpr_telemetry import configure


class DeliverySettings(BaseSettings):
    """All that the agent of one machine is told, by `alpr up`."""

    model_config = SettingsConfigDict(env_prefix="ALPR_AGENT_", frozen=True)
    edge_folder: Path
    database_url: SecretStr
    images_url: str


def open_handler(dsn: str) -> DirectHandler:
    """The fleet's storage handler, for records of an outbox; it connects when it is needed."""
    return DirectHandler(dsn)


class DatabasePublisher:
    """Publishes into the database: acknowledged when committed."""

    def __init__(self, handler: DirectHandler) -> None:
        self._handler = handler

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Returns when all rows are committed, were there before, or lie among the dead letters."""
        try:
            self._handler.store([Record(row.topic, row.payload) for row in rows])
        except Unavailable as e:
            raise DeliveryUnavailable(str(e)) from e


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    configure("edge-agent")
    settings = DeliverySettings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = EdgeFolder(settings.edge_folder)
    spec = read_assignment(folder.assignment).spec
    publisher = DatabasePublisher(open_handler(settings.database_url.get_secret_value()))
    sink = StoreSink(open_image_store(settings.images_url))
    run_agent(folder, publisher, sink, stop, site=spec.site, host=spec.node_name)


if __name__ == "__main__":
    main()
