"""`alpr dlq` on one machine: its letters lie in its own database, and a replay hands them to the storage directly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpr_dlq_consumer.errors import Unreachable
from alpr_dlq_consumer.letter import Form
from alpr_dlq_consumer.queries import Kept
from alpr_dlq_consumer.replay import Outcome, Sender
from alpr_dlq_consumer.retries import LETTER
from alpr_kafka.errors import KafkaKitError
from alpr_kafka.handling import Handler
from alpr_kafka.records import Record, Refused
from alpr_standalone.errors import StandaloneError
from alpr_standalone.report import database_of


class HandlerSender:
    """Hands letters to a handler: what it takes is stored when `send` returns, what it refuses again is told."""

    def __init__(self, handler: Handler[Any]) -> None:
        self._handler = handler

    def sendable(self, letter: Kept) -> str | None:
        """None for a letter of an outbox."""
        return None if letter.form == Form.PLAIN else "it came from Kafka: name the fleet's database"

    def send(self, letters: Sequence[Kept]) -> Outcome:
        """All of `letters` in one transaction."""
        refused: list[Refused] = []
        try:
            prepared = self._handler.prepare([_record(letter) for letter in letters])
            self._handler.write(prepared, {}, refused.extend)
        except KafkaKitError as e:
            return Outcome(frozenset(), failed=str(e))
        reasons = {int(dict(r.record.headers)[LETTER]): r.reason for r in refused}
        return Outcome(frozenset(letter.id for letter in letters) - reasons.keys(), reasons)

    def close(self) -> None:
        """Close the handler's connection."""
        self._handler.close()


def _record(letter: Kept) -> Record:
    kept = [(name, value) for name, value in letter.original_headers() if name != LETTER]
    headers = (*kept, (LETTER, str(letter.id).encode()))
    return Record(
        letter.topic, letter.payload, key=letter.original_key, headers=headers, retried=letter.attempts + 1
    )  # retried: whoever was held to be a clone is not, once somebody has decided


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine's letters."""

    dsn: str

    def sender(self) -> Sender:
        """To the storage's handler."""
        from alpr_standalone.delivery import open_handler

        return HandlerSender(open_handler(self.dsn))


@contextmanager
def open_machine(data: Path) -> Iterator[Machine]:
    """The machine whose folder is `data`. Raises Unreachable where `alpr up` never ran there."""
    if not data.is_dir():
        raise Unreachable(f"no alpr up ran in {data}; name its folder with --data, or a database by ALPR_DATABASE_URL")
    try:
        with database_of(data) as dsn:
            yield Machine(dsn)
    except StandaloneError as e:
        raise Unreachable(str(e)) from e
