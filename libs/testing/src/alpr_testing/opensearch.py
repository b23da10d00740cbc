"""A real OpenSearch of one node, started once a run; a test takes index names of its own in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from alpr_testing.event_servers import TOOLS, java, server_folder
from alpr_testing.one_server import OneServer, answers_http
from alpr_testing.ports import lasting_port

# Past 23 Java has no security manager, which this OpenSearch asks for.
_JAVA = (17, 23)


class OpenSearch(OneServer):
    """A running node; make one with `running_opensearch`, or have the run's own by the fixture `opensearch`.

    Attributes:
        port: where it listens for HTTP; it keeps it over restarts.
        heap_mib: of its JVM; read at each start of it.
        settings: of the node, such as `thread_pool.write.queue_size`; read at each start of it.
    """

    name = "opensearch"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = lasting_port()
        self.heap_mib = 768
        self.settings: dict[str, str] = {}
        self._libs = server_folder("opensearch") / "libs"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def _command(self) -> Sequence[str]:
        jvm = [
            *("-Xms256m", f"-Xmx{self.heap_mib}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-Djava.security.manager=allow", "-Dlog4j2.level=WARN"),
        ]
        node = str(TOOLS / "servers/opensearch/OneNode.java")
        told = [f"{name}={value}" for name, value in self.settings.items()]
        return [str(java(*_JAVA)), *jvm, "-cp", f"{self._libs}/*", node, str(self.folder), str(self.port), *told]

    def _answers(self) -> bool:
        return answers_http(f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s")


@contextmanager
def running_opensearch(folder: Path) -> Iterator[OpenSearch]:
    """A node with its data in `folder`, while this lasts."""
    one = OpenSearch(folder)
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearch]:
    """The run's node. A test that kills or pauses it leaves it running and answering."""
    with running_opensearch(tmp_path_factory.mktemp("opensearch")) as one:
        yield one


@pytest.fixture
def index_prefix(opensearch: OpenSearch) -> Iterator[str]:
    """What the names of the test's own indices and templates begin with; they are deleted after it."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    yield prefix
    for what in ("", "_index_template/"):
        httpx.delete(f"{opensearch.url}/{what}{prefix}*", timeout=30)
