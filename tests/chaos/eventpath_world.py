"""The whole event path on one machine: agents' outboxes, Kafka, registry, PostgreSQL, OpenSearch, and the services."""

from __future__ import annotations

import os
import random
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import confluent_kafka
import httpx
import psycopg
from eventpath_faults import Fault, Faults, Mending, Role, Supervisor
from eventpath_proof import Proof, proof

from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_kafka.letters import retry_topic
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_kafka.topics import apply
from alpr_schemas import codec, topics
from alpr_standalone.database import EmbeddedPostgres
from alpr_storage_consumer.migrate import migrate
from alpr_testing.event_load import put_witness, witnesses
from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.kafka import Broker, running_broker
from alpr_testing.opensearch import running_opensearch
from alpr_testing.registry import running_registry
from alpr_testing.waiting import until
from alpr_testing.zygote import Forked, Zygote

AGENTS = 4
BROKER_KILLS, DATABASE_KILLS = 60, 100
_MODULES = (
    "alpr_testing.event_load", "alpr_testing.event_sender", "alpr_storage_consumer.__main__",
    "alpr_storage_consumer.service", "alpr_search_indexer.__main__", "alpr_search_indexer.service",
    "alpr_dlq_consumer.__main__", "alpr_dlq_consumer.wiring", "alpr_kafka.failpoints", "confluent_kafka", "psycopg",
)  # fmt: skip
_STORAGE_POINTS = ("before_copy", "after_insert", "after_commit", "before_bury", "after_bury")
_SENDER_POINTS = ("after_produce", "before_delete")
_SESSION_S = 10
_DRAINED_WITHIN_S, _STALLED_AFTER_S = 600, 180


class World:
    """Everything, running; a context manager. `folder` holds all state, and a run may go on in it."""

    def __init__(self, folder: Path, seed: int, done: Counter[str]) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self._rate = 0.0
        self._mending = Mending()
        self.faults = Faults(self._kinds(), self.chance, done)
        self.outboxes = {f"n-{number}": folder / f"agents/n-{number}/outbox.db" for number in range(AGENTS)}
        self._members = 0

    def __enter__(self) -> Self:
        with ExitStack() as held:
            self.broker: Broker = held.enter_context(running_broker(self.folder / "kafka"))
            line, self.proxied = held.enter_context(self.broker.proxied())
            self.line: FaultProxy = line
            self.registry = held.enter_context(running_registry(self.folder / "registry"))
            self.database = held.enter_context(EmbeddedPostgres(self.folder / "postgres"))
            self.search = held.enter_context(running_opensearch(self.folder / "opensearch"))
            self._prepare()
            self.zygote = held.enter_context(Zygote(_MODULES, self.folder / "logs", self._ended))
            self.supervisor = Supervisor(self.zygote, self.chance, self.faults.count)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def _prepare(self) -> None:
        apply(KafkaSettings(bootstrap_servers=self.broker.bootstrap))
        with Registry(RegistrySettings(url=self.registry.url)) as registry:
            for topic in codec.TOPICS:
                registry.demand_level(topic)
                registry.id_of(topic, codec.definition(topic))
        migrate(self.database.dsn)
        for path in self.outboxes.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            put_witness(path)

    def start(self, rate: float) -> None:
        """Start load of `rate` events a second, all agents together, and senders and services."""
        self._rate = rate
        for name in self.outboxes:
            self.supervisor.keep(self._load(name))
            self.supervisor.keep(self._sender(name))
        for name in ("storage-a", "storage-b"):
            self.supervisor.keep(self._storage(name))
        self.supervisor.keep(self._service("indexer", "alpr_search_indexer.__main__:main", ("after_bulk",)))
        self.supervisor.keep(
            self._service("letters", "alpr_dlq_consumer.__main__:main", ("after_insert", "after_commit"))
        )

    def _ended(self, forked: Forked, status: int) -> None:
        self.supervisor.ended(forked, status)

    def _load(self, name: str, *, clock_s: float = 0.0, max_bytes: int = 1 << 30) -> Role:
        arguments = (str(self.outboxes[name]), name, "--rate", str(self._rate / AGENTS))
        told = ("--seed", str(self.chance.randrange(1 << 30)), "--clock", str(clock_s), "--max-bytes", str(max_bytes))
        return Role(f"load-{name}", "alpr_testing.event_load:main", (*arguments, *told))

    def _sender(self, name: str) -> Role:
        environment = {"KAFKA_BOOTSTRAP_SERVERS": self.proxied, "SCHEMA_REGISTRY_URL": self.registry.url}
        arguments = (str(self.outboxes[name]), name)
        return Role(f"send-{name}", "alpr_testing.event_sender:main", arguments, environment, _SENDER_POINTS)

    def _storage(self, name: str) -> Role:
        return self._service(name, "alpr_storage_consumer.__main__:main", _STORAGE_POINTS)

    def _service(self, name: str, function: str, points: tuple[str, ...]) -> Role:
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "KAFKA_INSTANCE_ID": name,
            "SCHEMA_REGISTRY_URL": self.registry.url,
            "ALPR_DATABASE_URL": self.database.dsn,
            "OPENSEARCH_HOSTS": self.search.url,
            "METRICS_PORT": "0",
            "SESSION_TIMEOUT_S": str(_SESSION_S),
            "DLQ_MAX_SHARE": "0.9",  # clocks that run ahead send nothing but dead letters for a while
            "DLQ_MAX_IN_A_ROW": "100000",
        }
        return Role(name, function, (), environment, points)

    # ---- faults

    def _kinds(self) -> list[Fault]:
        return [
            Fault("kill -9 of a process", 6, self._kill),
            Fault("stopped process", 3, self._pause),
            Fault("lost acknowledgements", 3, self._lost_acks),
            Fault("cut line", 3, self._cut),
            Fault("rebalance", 1.5, self._rebalance),
            Fault("clock jump", 1, self._clock),
            Fault("full outbox", 1, self._full),
            Fault("poison", 1.5, self._poison),
            Fault("database connections ended", 2, self._terminate),
            Fault("database killed", 0.4, self._database_killed, DATABASE_KILLS),
            Fault("broker killed", 0.25, self._broker_killed, BROKER_KILLS),
            Fault("broker stopped", 0.3, self._broker_paused),
            Fault("registry stopped", 0.3, self._registry_paused),
        ]

    def _kill(self, chance: random.Random) -> bool:
        return self.supervisor.kill(chance.choice(self.supervisor.names()))

    def _pause(self, chance: random.Random) -> bool:
        name = chance.choice(self.supervisor.names("storage", "send", "indexer", "letters"))
        if not self.zygote.signal(name, signal.SIGSTOP):
            return False
        self._mending.later(
            chance.choice((0.5, 2, 5, 1.5 * _SESSION_S)), lambda: self.zygote.signal(name, signal.SIGCONT)
        )
        return True

    def _lost_acks(self, chance: random.Random) -> bool:
        self.line.set("mute")
        self._mending.later(chance.uniform(0.2, 3), self._line_heals)
        return True

    def _line_heals(self) -> None:
        self.line.cut()
        self.line.set("pass")

    def _cut(self, _: random.Random) -> bool:
        self.line.cut()
        return True

    def _rebalance(self, chance: random.Random) -> bool:
        self._members += 1
        name = f"storage-extra-{self._members}"
        self.supervisor.keep(self._storage(name))
        self._mending.later(chance.uniform(3, 15), lambda: self.supervisor.let_go(name))
        return True

    def _clock(self, chance: random.Random) -> bool:
        name = chance.choice(sorted(self.outboxes))
        self.supervisor.keep(self._load(name, clock_s=chance.choice((-3600, -60, 60, 3600))))
        self.supervisor.kill(f"load-{name}")
        self._mending.later(chance.uniform(3, 10), lambda: self._load_again(name))
        return True

    def _full(self, chance: random.Random) -> bool:
        name = chance.choice(sorted(self.outboxes))
        self.supervisor.keep(self._load(name, max_bytes=20_000))
        self.supervisor.kill(f"load-{name}")
        self.zygote.signal(f"send-{name}", signal.SIGSTOP)
        self._mending.later(chance.uniform(2, 6), lambda: self._load_again(name))
        return True

    def _load_again(self, name: str) -> None:
        self.supervisor.keep(self._load(name))
        self.supervisor.kill(f"load-{name}")
        self.zygote.signal(f"send-{name}", signal.SIGCONT)

    def _poison(self, chance: random.Random) -> bool:
        client = confluent_kafka.Producer({"bootstrap.servers": self.broker.bootstrap, "message.timeout.ms": 20_000})
        junk = [b"", b"\0", b"\0\0\0\0\0", b"\0\xff\xff\xff\xff" + chance.randbytes(50), chance.randbytes(200)]
        for value in junk:
            client.produce(chance.choice((topics.PLATES, topics.VEHICLES)), value, key=uuid.uuid4().bytes)
        return client.flush(20) == 0

    def _terminate(self, _: random.Random) -> bool:
        try:
            with psycopg.connect(self.database.dsn, connect_timeout=2, autocommit=True) as connection:
                ended = connection.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                ).fetchone()
        except psycopg.Error:
            return False
        return bool(ended and ended[0])

    def _database_killed(self, chance: random.Random) -> bool:
        pid = self.database.pid
        if pid is None:
            return False
        os.kill(pid, chance.choice((signal.SIGKILL, signal.SIGQUIT)))  # QUIT is PostgreSQL's immediate stop
        until(lambda: not self.database.alive(), 30, "the database ends")
        self.database.start()
        return True

    def _broker_killed(self, _: random.Random) -> bool:
        self.broker.kill()
        self.broker.start()
        return True

    def _broker_paused(self, chance: random.Random) -> bool:
        self.broker.pause()
        self._mending.later(chance.uniform(0.5, 5), self.broker.resume)
        return True

    def _registry_paused(self, chance: random.Random) -> bool:
        self.registry.pause()
        self._mending.later(chance.uniform(0.5, 10), self.registry.resume)
        return True

    # ---- the end

    def committed(self) -> int:
        """Events that the outboxes took so far."""
        return sum(map(witnesses, self.outboxes.values()))

    def rest(self, say: Callable[[str], None]) -> None:
        """Mend everything, stop the load, and wait until nothing is on its way."""
        self._mending.finish()  # one that came later would start a load again
        self.supervisor.disarm()
        self.broker.resume()
        self.registry.resume()
        self.line.set("pass")
        for name in self.outboxes:
            self.zygote.signal(f"send-{name}", signal.SIGCONT)
            self.supervisor.let_go(f"load-{name}")
        for name in self.supervisor.names("storage", "indexer", "letters"):
            self.zygote.signal(name, signal.SIGCONT)
        say("the load has ended; draining …")
        until(lambda: self._waiting() == 0, _DRAINED_WITHIN_S, "the outboxes are empty")
        self._catch_up(say)

    def _catch_up(self, say: Callable[[str], None]) -> None:
        """Wait for the consumers, and restart the broker once where nobody reads on.

        Kafka 4.1 may keep a static member that ended while the broker was away: seven minutes instead of a session of
        ten seconds were seen. Its partitions then wait for a member of its name, or for the broker's next start.
        """
        try:
            until(lambda: self._lag() == 0, _STALLED_AFTER_S, "the consumers have caught up")
        except TimeoutError:
            say("a partition is read by nobody; the broker is restarted …")
            self.broker.kill()
            self.broker.start()
            until(lambda: self._lag() == 0, _DRAINED_WITHIN_S, "the consumers have caught up")

    def _waiting(self) -> int:
        left = 0
        for path in self.outboxes.values():
            reader = OutboxReader(path)
            left += reader.backlog().events + len(reader.tombstones())
            reader.close()
        return left

    def _lag(self) -> int:
        groups = {
            "alpr-storage-consumer": [topics.PLATES, topics.VEHICLES, topics.METRICS, retry_topic("storage")],
            "alpr-elasticsearch-consumer": [topics.PLATES],
            "alpr-dlq-consumer": [topics.DEAD_LETTERS],
        }
        return sum(self._group_lag(group, names) for group, names in groups.items())

    def _group_lag(self, group: str, names: list[str]) -> int:
        told = {"bootstrap.servers": self.broker.bootstrap, "group.id": group, "enable.auto.commit": False}
        client = confluent_kafka.Consumer(told)
        try:
            known = client.list_topics(timeout=10).topics
            places = [confluent_kafka.TopicPartition(name, part) for name in names for part in known[name].partitions]
            left = 0
            for place in client.committed(places, timeout=10):
                low, high = client.get_watermark_offsets(place, timeout=10)
                left += high - max(place.offset, low)
        except confluent_kafka.KafkaException:  # the broker, or the group's coordinator, is not back yet
            return 1
        else:
            return left
        finally:
            client.close()

    def proven(self) -> Proof:
        """Compare everything with everything."""
        return proof(self.outboxes, self.database.dsn, self._indexed())

    def _indexed(self) -> Iterator[str]:
        """All ids in the index, page by page."""
        httpx.post(f"{self.search.url}/alpr-events-*/_refresh", timeout=60)
        answer = httpx.post(
            f"{self.search.url}/alpr-events-*/_search?scroll=5m",
            json={"size": 10_000, "_source": False, "sort": ["_doc"]},
            timeout=60,
        ).json()
        while hits := answer["hits"]["hits"]:
            yield from (hit["_id"] for hit in hits)
            body = {"scroll": "5m", "scroll_id": answer["_scroll_id"]}
            answer = httpx.post(f"{self.search.url}/_search/scroll", json=body, timeout=60).json()
