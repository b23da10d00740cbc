"""A real schema registry that speaks Confluent's interface: Apicurio, started once a run.

It differs from Confluent's own in two things that tests meet: nothing is checked for compatibility until a level is
set (Confluent's default is BACKWARD), and what a refusal says is its own text. Its schemas outlive a stop, as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from alpr_testing.event_servers import java, server_folder
from alpr_testing.one_server import OneServer, answers_http
from alpr_testing.ports import lasting_port


class Registry(OneServer):
    """A running registry; make one with `running_registry`, or have the run's own by the fixture `registry`.

    Attributes:
        port: where it listens; it keeps it over restarts.
    """

    name = "registry"

    def __init__(self, folder: Path) -> None:
        database = f"jdbc:h2:file:{folder}/schemas"
        # As version 3 and version 2 call it.
        told = {"APICURIO_DATASOURCE_URL": database, "REGISTRY_DATASOURCE_URL": database}
        super().__init__(folder, {"APICURIO_STORAGE_KIND": "sql", **told})
        self.port = lasting_port()
        self._management = lasting_port()
        self._program = server_folder("registry")

    @property
    def url(self) -> str:
        """What clients of Confluent's registry are told."""
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def _command(self) -> Sequence[str]:
        newer = self._program / "quarkus-run.jar"
        jar = newer if newer.exists() else next(self._program.glob("*-runner.jar"))
        settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": str(self.port),
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": str(self._management),
        }
        jvm = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        told = [f"-D{key}={value}" for key, value in settings.items()]
        return [str(java(21 if newer.exists() else 17)), *jvm, *told, "-jar", str(jar)]

    def _answers(self) -> bool:
        return answers_http(f"{self.url}/subjects")


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """A registry with its schemas in `folder`, while this lasts."""
    one = Registry(folder)
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The run's registry. A test takes a fresh subject, and one that stops or pauses it leaves it answering."""
    with running_registry(tmp_path_factory.mktemp("registry")) as one:
        yield one
