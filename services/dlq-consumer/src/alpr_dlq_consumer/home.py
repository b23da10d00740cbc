"""Where letters lie and how they are sent again: a fleet's database and Kafka, or one machine by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alpr_dlq_consumer.contents import Decoders
from alpr_dlq_consumer.errors import Unreachable
from alpr_dlq_consumer.letter import Form
from alpr_dlq_consumer.local import LocalMachine, open_local
from alpr_dlq_consumer.replay import Sender
from alpr_kafka.database import DatabaseSettings
from alpr_kafka.decoding import PlainDecoder


class Home(Protocol):
    """A place of letters."""

    @property
    def dsn(self) -> str:
        """Its database."""

    def decoders(self) -> AbstractContextManager[Decoders]:
        """What reads the bytes of each form here."""

    def sender(self) -> Sender:
        """What sends letters again here; to be closed. It connects with the first letter, not before."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Letters that Kafka brought."""

    dsn: str

    @contextmanager
    def decoders(self) -> Iterator[Decoders]:
        """Records are read with the registry's schemas; an outbox's with our own."""
        from alpr_dlq_consumer.wiring import opened_decoder

        with opened_decoder() as framed:
            yield {Form.RECORD: framed, Form.PLAIN: PlainDecoder()}

    def sender(self) -> Sender:
        """To the retry topics."""
        from alpr_dlq_consumer.retries import KafkaRetries
        from alpr_dlq_consumer.wiring import open_producer

        return KafkaRetries(open_producer)


@dataclass(frozen=True, slots=True)
class OneMachine:
    """Letters of a machine that delivers without Kafka."""

    machine: LocalMachine

    @property
    def dsn(self) -> str:
        """Its own database."""
        return self.machine.dsn

    @contextmanager
    def decoders(self) -> Iterator[Decoders]:
        """Our own schemas."""
        yield {Form.PLAIN: PlainDecoder()}

    def sender(self) -> Sender:
        """Straight to its handler."""
        return self.machine.sender()


@contextmanager
def home(data: Path) -> Iterator[Home]:
    """The fleet's, where the environment names a database, else that of the machine whose folder is `data`.

    Raises Unreachable where there is neither.
    """
    database = DatabaseSettings()
    if database.named:
        yield Fleet(database.dsn())
        return
    opened = open_local()
    if opened is None:
        raise Unreachable("no database is named; set ALPR_DATABASE_URL, or DB_HOST, DB_NAME, DB_USER and DB_PASSWORD")
    with opened(data) as machine:
        yield OneMachine(machine)
