"""The loop of every consumer: poll, drain, prepare beside the write before, write, move on.

Effect exactly once where the handler keeps the offsets: its rows and they move in one transaction, dead letters are
acknowledged before it. An outage pauses and waits; nothing but data goes to the dead letters. See docs/decisions/0011.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import confluent_kafka
import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_STORED,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from alpr_kafka import metrics, tracing
from alpr_kafka.assignments import Assignment
from alpr_kafka.errors import DeadLetterFlood, Fenced, Misdeployed, Rewound, Unavailable
from alpr_kafka.flood import FloodGauge
from alpr_kafka.handling import Handler, Prepared
from alpr_kafka.interpreter import HeapTrimmer
from alpr_kafka.lag import tell_lag
from alpr_kafka.leaving import leave
from alpr_kafka.letters import retry_topic
from alpr_kafka.reading import Reader
from alpr_kafka.records import Place, Record, Refused
from alpr_kafka.seldom import Seldom
from alpr_kafka.settings import ConsumerSettings, KafkaSettings

log = structlog.get_logger(__name__)
W = TypeVar("W")
_POLL_S, _BESIDE_S = 0.2, 0.02
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 2.0  # back at work within two seconds of the other side
_HELD_BACK_AFTER_S = 0.5
_REJOIN_AFTER_SESSIONS = 2
_IDLE_LOOK_S = 10.0
_GONE: Final = {
    KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - the public name of an error of the client itself
    KafkaError._NO_OFFSET,  # noqa: SLF001
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
}
SendLetters = Callable[[Sequence[Refused]], None]


@dataclass(slots=True)
class _Batch(Generic[W]):
    generation: int
    records: list[Record]
    prepared: Prepared[W]
    began: float
    next_offsets: dict[Place, int] = field(default_factory=dict)
    weighed: bool = False
    dropped: bool = False


class Consumer(Generic[W]):
    """Runs a handler on Kafka.

    Args:
        retries: the consumer's short name, whose retry topic it reads beside its topics; None for no such.
        letters: sends refused records and returns when they are acknowledged.
        told: is called with ready, or not, and why.
    """

    def __init__(
        self,
        settings: ConsumerSettings,
        kafka: KafkaSettings,
        handler: Handler[W],
        letters: SendLetters,
        *,
        retries: str | None = None,
        told: Callable[[bool, str], None] = lambda _, __: None,
    ) -> None:
        self._settings = settings
        self._handler = handler
        self._letters = letters
        self._told = told
        self._retry_topic = retry_topic(retries) if retries else None
        self._flood = FloodGauge(settings.dead_share, settings.dead_in_a_row)
        self._assignment = Assignment()
        self._kafka = kafka
        self._given_up = threading.Event()
        self._flying: Future[None] | None = None
        self._flying_batch: _Batch[W] | None = None
        self._span = tracing.processing(settings.group_id)
        self._heap = HeapTrimmer()
        self._fatal: KafkaError | None = None
        self._seldom = Seldom()
        self._fenced_at: float | None = None
        self._paused = False
        self._claim_at = 0.0
        self._failures = 0
        self._took_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`. Raises Misdeployed and DeadLetterFlood; outages are waited out."""
        self._attach(confluent_kafka.Consumer(self._config()))
        topics = [*self._handler.topics, *([self._retry_topic] if self._retry_topic else [])]
        self._client.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
        try:
            with ThreadPoolExecutor(1, "writer") as self._writer:
                try:
                    self._loop(stop)
                    self._landed(self._settings.stop_within_s)
                finally:
                    self._given_up.set()
        finally:
            leave(self._client)
            self._handler.close()

    def _attach(self, client: confluent_kafka.Consumer) -> None:
        self._client = client
        self._reader = Reader(client, self._settings, self._retry_topic)

    def _config(self) -> dict[str, Any]:
        return {
            **self._kafka.client(),
            **self._settings.client(),
            "error_cb": self._heard,
            "log_level": 2,  # else it writes to stderr once more what the callback hears
        }

    def _heard(self, error: KafkaError) -> None:
        """An error of the client itself. After a fatal one it does nothing more, and only this says so."""
        if error.fatal():
            self._fatal = error
        if error.fatal() or self._seldom.due(error.name()):
            log.warning("kafka_consumer", error=error.name(), detail=error.str())

    def _loop(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if self._fatal is not None:
                raise KafkaException(self._fatal)
            self._rejoin_if_fenced()
            self._claim_if_needed()
            generation = self._assignment.generation
            messages = self._reader.collected(wait_s=_BESIDE_S if self._flying is not None else _POLL_S)
            # Else they were taken away while we drained, or it is not known yet from where to read.
            ours = generation == self._assignment.generation and not self._assignment.unclaimed
            if ours and (messages or self._is_long_idle()):
                self._take(messages, stop)
            self._reap(wait=False)
            self._hold_back()
            self._heap.look()

    def _take(self, messages: list[Message], stop: threading.Event) -> None:
        generation, began = self._assignment.generation, time.monotonic()
        self._took_at = began
        records = self._reader.records(messages)
        for topic, count in Counter(record.place.topic for record in records if record.place).items():
            metrics.RECORDS.labels(topic).inc(count)
        prepared = self._prepared(records, generation, stop)
        if prepared is None:
            return
        batch = _Batch(generation, records, prepared, began)
        for record in reversed(records):  # of each partition the last one counts
            if record.place is not None and record.place not in batch.next_offsets:
                batch.next_offsets[record.place] = record.offset + 1
        while self._flying is not None and not stop.is_set():  # the batch before must be written first
            self._reap(wait=True)
            self._hold_back()
            self._reader.serve(_BESIDE_S)
        if self._flying is None and generation == self._assignment.generation and self._fenced_at is None:
            self._flying_batch = batch
            self._flying = self._writer.submit(self._written, batch)

    def _is_long_idle(self) -> bool:
        """Whether it is time for an empty batch: only a handler that talks to its database hears that it went back."""
        idle = self._flying is None and self._fenced_at is None and bool(self._assignment.places)
        return idle and self._handler.keeps_offsets and time.monotonic() - self._took_at > _IDLE_LOOK_S

    def _prepared(self, records: list[Record], generation: int, stop: threading.Event) -> Prepared[W] | None:
        """The batch, decoded; None where its partitions were taken away while a schema could not be looked up."""
        failures = 0
        while generation == self._assignment.generation and not stop.is_set():
            try:
                return self._handler.prepare(records)
            except Unavailable as e:
                self._outage(e)
                self._pause()
                until = time.monotonic() + _jitter(failures)
                failures += 1
                while time.monotonic() < until and not stop.is_set():
                    self._reader.serve(_BESIDE_S)
        return None

    def _written(self, batch: _Batch[W]) -> None:
        """In the writer's thread: until it is written, or not ours any more."""
        failures = 0
        while not self._given_up.is_set() and batch.generation == self._assignment.generation:
            try:
                with self._span(batch.records):
                    self._handler.write(batch.prepared, batch.next_offsets, lambda refused: self._bury(batch, refused))
            except Unavailable as e:
                self._outage(e)
                self._given_up.wait(_jitter(failures))
                failures += 1
                continue
            self._told(True, "")
            if batch.records:
                metrics.BATCHES.observe(time.monotonic() - batch.began)
            if not batch.weighed:
                self._flood.passed(batch.next_offsets, len(batch.records))
            return
        batch.dropped = True

    def _bury(self, batch: _Batch[W], refused: Sequence[Refused]) -> None:
        if not batch.weighed:  # once, however often it is tried
            batch.weighed = True
            gone = {id(one.record) for one in refused if one.weighs}
            flood = self._flood.flooded((record.place, id(record) in gone) for record in batch.records)
            if flood is not None:
                raise DeadLetterFlood(
                    f"{flood}: that is no bad data any more; see the dead letters' reasons, then mend"
                )
        if refused and self._settings.enable_dlq:
            self._letters(refused)
        for one in refused:
            metrics.DEAD.labels(one.kind.value).inc()

    def _commit(self, batch: _Batch[W]) -> None:
        """Tell Kafka, without waiting. Only the thread that polls may: another one may wait for ever in librdkafka."""
        told = [TopicPartition(place.topic, place.partition, at) for place, at in batch.next_offsets.items()]
        try:
            self._client.commit(offsets=told, asynchronous=True)
        except KafkaException as e:
            if e.args[0].code() not in _GONE:
                log.warning("not_committed", error=e.args[0].name())  # it comes again, and changes nothing

    def _measure(self, batch: _Batch[W]) -> None:
        metrics.ROWS.observe(len(batch.records))
        newest: dict[str, int] = {}
        for record in batch.records:
            if record.place is not None:
                newest[record.place.topic] = max(newest.get(record.place.topic, 0), record.timestamp_ms)
        tell_lag(self._client, batch.next_offsets, newest)

    def _reap(self, *, wait: bool) -> None:
        """Look whether the batch in flight is done."""
        flying = self._flying
        if flying is None:
            return
        if wait:
            wait_for([flying], _BESIDE_S)
        if not flying.done():
            return
        batch, self._flying, self._flying_batch = self._flying_batch, None, None
        self._resume()
        try:
            flying.result()
            if batch is not None and batch.records and not batch.dropped and self._is_ours(batch):
                self._commit(batch)
                self._measure(batch)
        except Fenced as e:
            rewound = isinstance(e, Rewound)
            (metrics.REWOUND if rewound else metrics.FENCED).inc()
            log.warning("rewound" if rewound else "fenced", reason=str(e))
            if batch is not None and self._is_ours(batch):  # else what is ours now is claimed since, or will be
                self._fenced_at = -math.inf if rewound else time.monotonic()
                self._reader.forget()
                self._pause()
        except (Misdeployed, DeadLetterFlood) as e:
            self._told(False, str(e))
            raise

    def _is_ours(self, batch: _Batch[W]) -> bool:
        """Whether the partitions are still those that it was read from."""
        return batch.generation == self._assignment.generation

    def _hold_back(self) -> None:
        """While a batch takes long, read nothing more, but go on polling: Kafka must know that we live."""
        batch = self._flying_batch
        if batch is not None and time.monotonic() - batch.began > _HELD_BACK_AFTER_S:
            self._pause()

    def _pause(self) -> None:
        if not self._paused and self._assignment.places and not self._assignment.unclaimed:
            self._paused = True
            self._client.pause(self._assignment.held())

    def _resume(self) -> None:
        if self._paused and not self._assignment.unclaimed and self._fenced_at is None:
            self._paused = False
            self._client.resume(self._assignment.held())

    def _outage(self, error: Exception) -> None:
        metrics.OUTAGES.inc()
        self._told(False, str(error))
        log.warning("outage", reason=str(error))

    def _claim_if_needed(self) -> None:
        waiting = self._assignment.unclaimed
        if not waiting or time.monotonic() < self._claim_at or self._flying is not None:
            return
        try:
            offsets = self._handler.claim(sorted(waiting, key=lambda p: (p.topic, p.partition)))
        except Unavailable as e:
            self._outage(e)
            self._claim_at = time.monotonic() + _jitter(self._failures)
            self._failures += 1
            return
        self._failures = 0
        self._paused = False
        self._took_at = time.monotonic()
        self._assignment.begin(self._client, offsets, self._beginning())
        self._told(True, "")
        log.info("claimed", partitions=len(waiting))

    def _beginning(self) -> int:
        """From where a partition is read for which the handler has no offset.

        Kafka's own commits count only where nobody else keeps offsets: a database that was restored may stand earlier.
        """
        if not self._handler.keeps_offsets:
            return OFFSET_STORED
        return OFFSET_BEGINNING if self._settings.auto_offset_reset == "earliest" else OFFSET_END

    def _rejoin_if_fenced(self) -> None:
        """Kafka tells a zombie soon; where it does not, because the group is in order, the place is claimed again.

        At once where nobody else has it: the database itself has gone back.
        """
        if self._fenced_at is None:
            return
        if time.monotonic() - self._fenced_at > _REJOIN_AFTER_SESSIONS * self._settings.session_timeout_s:
            self._fenced_at = None
            self._assignment.given(self._assignment.held())
            self._client.unassign()  # nothing is fetched before it is known from where
            self._flood = FloodGauge(self._settings.dead_share, self._settings.dead_in_a_row)

    def _landed(self, within_s: float) -> None:
        until = time.monotonic() + within_s
        while self._flying is not None and time.monotonic() < until:
            self._reap(wait=True)

    def _on_assign(self, client: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        self._assignment.given(partitions)
        self._fenced_at = None
        self._claim_at = 0.0
        client.unassign()  # nothing is fetched before it is known from where
        metrics.ASSIGNED.set(len(partitions))

    def _on_revoke(self, client: confluent_kafka.Consumer, _: list[TopicPartition]) -> None:
        self._landed(self._settings.stop_within_s)
        self._let_go(client)

    def _on_lost(self, client: confluent_kafka.Consumer, _: list[TopicPartition]) -> None:
        self._let_go(client)

    def _let_go(self, client: confluent_kafka.Consumer) -> None:
        self._assignment.taken()
        self._reader.forget()
        self._paused = False
        client.unassign()
        metrics.ASSIGNED.set(0)


def _jitter(failures: int) -> float:
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failures, 10))
    return random.uniform(longest / 4, longest)  # noqa: S311 - spreads tries
