"""A real schema registry that speaks Confluent's interface: Apicurio, started once a run.

It differs from Confluent's own in two things that tests meet: nothing is checked for compatibility until a level is
set (Confluent's default is BACKWARD), and what a refusal says is its own text. Its schemas outlive a stop, as there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from alpr_testing.event_servers import java, server_folder
from alpr_testing.ports import free_port
from alpr_testing.server_processes import ServerProcesses
from alpr_testing.waiting import until

_START_WITHIN_S = 120


class Registry:
    """A running registry; make one with `running_registry`, or have the run's own by the fixture `registry`.

    Attributes:
        folder: for its data and its log (`registry.log`).
        port: where it listens; it keeps it over restarts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._management = free_port()
        self._program = server_folder("registry")
        self._processes = ServerProcesses(folder, self._environment())

    @property
    def url(self) -> str:
        """What clients of Confluent's registry are told."""
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def start(self) -> None:
        """Start it, on the schemas that are there, and wait until it answers. Raises RuntimeError where it ends."""
        newer = self._program / "quarkus-run.jar"
        jar = newer if newer.exists() else next(self._program.glob("*-runner.jar"))
        arguments = [
            *("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *(f"-D{key}={value}" for key, value in self._settings().items()),
        ]
        program = java(21) if newer.exists() else java(17)
        self._processes.start("registry", program, {}, [*arguments, "-jar", str(jar)])
        until(self._answers, _START_WITHIN_S, f"the registry answers; see {self.folder}/registry.log")

    def stop(self) -> None:
        """End it politely; its schemas stay."""
        self._processes.stop("registry")

    def pause(self) -> None:
        """Stop it amid whatever it does; its connections stay open."""
        self._processes.pause("registry")

    def resume(self) -> None:
        """Let it go on."""
        self._processes.resume("registry")

    def close(self) -> None:
        """End it for good."""
        self._processes.kill_all()

    def _settings(self) -> dict[str, str]:
        return {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": str(self.port),
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": str(self._management),
        }

    def _environment(self) -> dict[str, str]:
        """The database's address, as versions 3 and 2 call it."""
        database = f"jdbc:h2:file:{self.folder}/schemas"
        return {
            "APICURIO_STORAGE_KIND": "sql",
            "APICURIO_DATASOURCE_URL": database,
            "REGISTRY_DATASOURCE_URL": database,
        }

    def _answers(self) -> bool:
        self._processes.check("registry")
        try:
            return httpx.get(f"{self.url}/subjects", timeout=2).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """A registry with its schemas in `folder`, while this lasts."""
    folder.mkdir(parents=True, exist_ok=True)
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
