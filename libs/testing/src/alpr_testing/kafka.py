"""A real Kafka of one broker, started once a run; every test has a topic of its own in it.

It can be killed and started again on its data, paused, told otherwise, and reached through a faulty line.
"""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alpr_testing.event_servers import java, server_folder
from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.kafka_config import USERS, Ports, make_certificates, properties
from alpr_testing.one_server import OneServer

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


class Broker(OneServer):
    """A running broker; make one with `running_broker`, or have the run's own by the fixture `broker`.

    Attributes:
        ports: where it listens; it keeps them over restarts.
        overrides: what its configuration says otherwise; read at each start of it.
        heap_mib: of its JVM; read at each start of it.
    """

    name = "kafka"

    def __init__(self, folder: Path, overrides: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self.ports = Ports.free()
        self.overrides = dict(overrides or {})
        self.heap_mib = 512
        self._classes = ("-cp", f"{server_folder('kafka')}/libs/*")

    @property
    def bootstrap(self) -> str:
        """Address of the listener without encryption: everyone may do everything."""
        return f"127.0.0.1:{self.ports.plain}"

    @property
    def ca_file(self) -> Path:
        """Who signed its certificate."""
        return self.folder / "ca.crt"

    def plain(self) -> dict[str, str]:
        """What a client (librdkafka) must be told to come in without encryption."""
        return {"bootstrap.servers": self.bootstrap}

    def sasl(self, user: str = "alpr", password: str = "") -> dict[str, str]:
        """What a client must be told to log in by TLS and SCRAM; the password is the right one where left out.

        The user `alpr` may do everything; `stranger` may log in and do nothing.
        """
        return {
            "bootstrap.servers": f"127.0.0.1:{self.ports.sasl}",
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.ca_file),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password or USERS[user],
        }

    def tls(self) -> dict[str, str]:
        """What a client must be told to come in by a certificate of its own; that one may do everything."""
        return {
            "bootstrap.servers": f"127.0.0.1:{self.ports.tls}",
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.ca_file),
            "ssl.certificate.location": str(self.folder / "client.crt"),
            "ssl.key.location": str(self.folder / "client.key"),
        }

    @contextmanager
    def proxied(self) -> Iterator[tuple[FaultProxy, str]]:
        """A faulty line in front of it, and the address by which clients come and stay on it. One at a time."""
        with FaultProxy(self.ports.proxied, port=self.ports.proxy) as line:
            yield line, f"127.0.0.1:{line.port}"

    def prepare(self) -> None:
        """Make its certificates, and its data folder with the users in it; done once."""
        make_certificates(self.folder)
        self._tell()
        if (self.folder / "data/meta.properties").exists():
            return
        # An identifier that begins with a dash would be taken for an option.
        cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:21]
        users = [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in USERS.items()]
        scram = [part for user in users for part in ("--add-scram", user)]
        config = str(self.folder / "server.properties")
        tool = [*_JVM, *self._classes, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config, *scram]
        done = subprocess.run([str(java(17)), *tool], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Kafka's storage cannot be formatted: {done.stdout}{done.stderr}")

    def restart(self, overrides: Mapping[str, str] | None = None) -> None:
        """End it politely and start it again on its data; `overrides` (where given) replace those it had."""
        self.stop()
        if overrides is not None:
            self.overrides = dict(overrides)
        self.start()

    def admin(self) -> AdminClient:
        """An administrator's client."""
        from confluent_kafka.admin import AdminClient

        return AdminClient({**self.plain(), "log_level": 0})

    def create_topic(self, name: str = "", *, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Make a topic and wait until it is there; its name, a fresh one where none is given."""
        from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

        name = name or f"t-{uuid.uuid4().hex}"
        wanted = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
        client = self.admin()  # a client that is not kept ends, and what it was asked with it
        client.create_topics([wanted], operation_timeout=30)[name].result(40)
        return name

    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics; those that are not there raise KafkaException."""
        client = self.admin()
        for done in client.delete_topics(list(names), operation_timeout=30).values():
            done.result(40)

    def _tell(self) -> None:
        (self.folder / "server.properties").write_text(properties(self.folder, self.ports, self.overrides))

    def _command(self) -> Sequence[str]:
        self._tell()
        jvm = [f"-Xmx{self.heap_mib}m", *_JVM]
        return [str(java(17)), *jvm, *self._classes, "kafka.Kafka", str(self.folder / "server.properties")]

    def _answers(self) -> bool:
        from confluent_kafka import KafkaException

        try:
            return bool(self.admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False


@contextmanager
def running_broker(folder: Path, overrides: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """A broker with its data in `folder`, while this lasts."""
    broker = Broker(folder, overrides)
    try:
        broker.prepare()
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The run's Kafka. A test that kills or pauses it leaves it running and answering."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as one:
        yield one


@pytest.fixture
def topic(broker: Broker) -> str:
    """A topic of the test alone, with three partitions."""
    return broker.create_topic(partitions=3)
