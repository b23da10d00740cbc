"""What is asked of the table of letters: groups, single letters, and who looked. The command's only way to it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from alpr_dlq_consumer.errors import NotFound, Unreachable

STATES = ("new", "replayed", "discarded", "parked")
SHOWN_COLUMNS = (
    "id, dlq_id, form, topic, payload, consumer, kind, reason, fingerprint, original_partition, original_offset,"
    " original_key, headers, metadata, traceparent, first_failed_at, at, attempts, state, state_at"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Letters with the same cause."""

    fingerprint: str
    letters: int
    first: datetime
    last: datetime
    consumer: str
    kind: str
    topic: str
    reason: str
    states: dict[str, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """A letter in the table."""

    id: int
    dlq_id: str
    form: str
    topic: str
    payload: bytes
    consumer: str
    kind: str
    reason: str
    fingerprint: str
    original_partition: int | None
    original_offset: int | None
    original_key: bytes | None
    headers: list[list[str]]
    metadata: dict[str, str]
    traceparent: str | None
    first_failed_at: datetime
    at: datetime
    attempts: int
    state: str
    state_at: datetime

    def original_headers(self) -> list[tuple[str, bytes]]:
        """The record's headers as they were."""
        return [(name, base64.b64decode(value)) for name, value in self.headers]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is None does not choose. A fingerprint's first characters are enough."""

    states: Sequence[str] = ("new",)
    fingerprint: str | None = None
    consumer: str | None = None
    ids: Sequence[int] | None = None

    def where(self) -> tuple[sql.Composed, dict[str, Any]]:
        """The condition and its parameters."""
        parts = [sql.SQL("state = ANY(%(states)s)")]
        if self.fingerprint is not None:
            parts.append(sql.SQL("starts_with(fingerprint, %(fingerprint)s)"))
        if self.consumer is not None:
            parts.append(sql.SQL("consumer = %(consumer)s"))
        if self.ids is not None:
            parts.append(sql.SQL("id = ANY(%(ids)s)"))
        values = {
            "states": list(self.states), "fingerprint": self.fingerprint, "consumer": self.consumer,
            "ids": list(self.ids or ()),
        }  # fmt: skip
        return sql.SQL(" AND ").join(parts), values

    def words(self) -> str:
        """The selection as a note for the audit."""
        parts = [f"state={','.join(self.states)}"]
        parts += [f"fingerprint={self.fingerprint}"] if self.fingerprint else []
        parts += [f"consumer={self.consumer}"] if self.consumer else []
        parts += [f"id={','.join(map(str, self.ids[:20]))}"] if self.ids is not None else []
        return " ".join(parts)


@contextmanager
def connected(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection for a command. Raises Unreachable, without the address, which may hold a password."""
    try:
        with psycopg.connect(dsn, connect_timeout=5, autocommit=True) as connection:
            yield connection
    except psycopg.OperationalError as e:
        raise Unreachable(
            f"the database does not answer ({type(e).__name__}); see ALPR_DATABASE_URL, or whether it runs"
        ) from e
    except psycopg.errors.UndefinedTable as e:
        raise Unreachable("the database has no letters yet; run the migrations (alpr-storage-consumer migrate)") from e


def groups(connection: psycopg.Connection, selection: Selection, limit: int) -> list[Group]:
    """The groups, those with most letters first."""
    where, values = selection.where()
    query = sql.SQL(
        "SELECT fingerprint, count(*) AS letters, min(first_failed_at) AS first, max(at) AS last,"
        " min(consumer) AS consumer, min(kind) AS kind, min(topic) AS topic,"
        " (array_agg(reason ORDER BY id DESC))[1] AS reason, jsonb_build_object("
        " 'new', count(*) FILTER (WHERE state = 'new'), 'parked', count(*) FILTER (WHERE state = 'parked'),"
        " 'replayed', count(*) FILTER (WHERE state = 'replayed'),"
        " 'discarded', count(*) FILTER (WHERE state = 'discarded')) AS states"
        " FROM dead_letters WHERE {where}"
        " GROUP BY fingerprint ORDER BY letters DESC, last DESC LIMIT %(limit)s"
    ).format(where=where)
    with connection.cursor(row_factory=class_row(Group)) as cursor:
        return cursor.execute(query, {**values, "limit": limit}).fetchall()


def letters(connection: psycopg.Connection, selection: Selection, limit: int) -> list[Kept]:
    """Single letters, the newest first."""
    where, values = selection.where()
    query = sql.SQL("SELECT {columns} FROM dead_letters WHERE {where} ORDER BY id DESC LIMIT %(limit)s").format(
        columns=sql.SQL(SHOWN_COLUMNS), where=where
    )
    with connection.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(query, {**values, "limit": limit}).fetchall()


def each(connection: psycopg.Connection, selection: Selection) -> Iterator[Kept]:
    """All letters, the oldest first; read in pages, without holding a lock."""
    where, values = selection.where()
    query = sql.SQL("SELECT {} FROM dead_letters WHERE {} ORDER BY id").format(sql.SQL(SHOWN_COLUMNS), where)
    with (
        connection.transaction(),
        connection.cursor("each_letter", row_factory=class_row(Kept)) as cursor,
    ):
        cursor.itersize = 500
        yield from cursor.execute(query, values)


def letter(connection: psycopg.Connection, name: str) -> Kept:
    """The letter with this number or dlq_id. Raises NotFound."""
    column = "id" if name.isdecimal() and len(name) < 19 else "dlq_id"
    query = sql.SQL("SELECT {} FROM dead_letters WHERE {} = %s").format(sql.SQL(SHOWN_COLUMNS), sql.Identifier(column))
    with connection.cursor(row_factory=class_row(Kept)) as cursor:
        found = cursor.execute(query, (name,)).fetchone()
    if found is None:
        raise NotFound(f"no letter {name}; alpr dlq list --letters shows their numbers")
    return found


def count(connection: psycopg.Connection, selection: Selection) -> dict[str, int]:
    """How many letters are meant, by consumer."""
    where, values = selection.where()
    query = sql.SQL("SELECT consumer, count(*) AS letters FROM dead_letters WHERE {} GROUP BY 1").format(where)
    with connection.cursor(row_factory=dict_row) as cursor:
        return {row["consumer"]: row["letters"] for row in cursor.execute(query, values)}


def discard(connection: psycopg.Connection, selection: Selection, actor: str, why: str) -> int:
    """Mark the letters as of no use; how many. Their bytes stay until their time is over."""
    where, values = selection.where()
    with connection.transaction():
        marked = connection.execute(
            sql.SQL("UPDATE dead_letters SET state = 'discarded', state_at = now() WHERE {}").format(where), values
        ).rowcount
        note(connection, Note(actor, "discard", selection.words(), marked, why))
    return marked


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the audit."""

    actor: str
    action: str
    subject: str
    letters: int
    why: str = ""


def note(connection: psycopg.Connection, line: Note) -> int:
    """Write `line` into the audit; its number there."""
    row = connection.execute(
        "INSERT INTO dead_letter_audit (actor, action, subject, letters, why) VALUES (%s, %s, %s, %s, %s) RETURNING id",
        (line.actor, line.action, line.subject, line.letters, line.why),
    ).fetchone()
    return int(row[0]) if row else 0
