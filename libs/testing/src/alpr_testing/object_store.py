"""A real S3 server, MinIO, started once a run; every test has a bucket of its own in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from alpr_testing.event_servers import server_folder
from alpr_testing.one_server import OneServer, answers_http
from alpr_testing.ports import lasting_port

if TYPE_CHECKING:
    from obstore.store import S3Store

KEY_ID = "alpr-tests"
SECRET = "alpr-tests-secret"  # noqa: S105 - of a server on 127.0.0.1 that ends with the tests
REGION = "us-east-1"


class ObjectStore(OneServer):
    """A running server; make one with `running_object_store`, or have the run's own by the fixture `object_store`.

    Attributes:
        port: where it listens; it keeps it over restarts.
    """

    name = "minio"

    def __init__(self, folder: Path) -> None:
        told = {"MINIO_UPDATE": "off", "MINIO_BROWSER": "off", "MINIO_PROMETHEUS_AUTH_TYPE": "public"}
        super().__init__(folder, {**told, "MINIO_ROOT_USER": KEY_ID, "MINIO_ROOT_PASSWORD": SECRET})
        self.port = lasting_port()
        self._program = server_folder("minio") / "minio"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, bucket: str) -> S3Store:
        """A client for `bucket` that may do everything."""
        from obstore.store import S3Store

        return S3Store(
            bucket,
            endpoint=self.url,
            access_key_id=KEY_ID,
            secret_access_key=SECRET,
            region=REGION,
            client_options={"allow_http": True},
        )

    def create_bucket(self, name: str = "") -> str:
        """Make a bucket; its name, a fresh one where none is given."""
        import obstore

        name = name or f"t-{uuid.uuid4().hex}"
        address = obstore.sign(self.client(name), "PUT", "", timedelta(minutes=1))
        httpx.put(address, timeout=30).raise_for_status()
        return name

    def _command(self) -> Sequence[str]:
        address = f"127.0.0.1:{self.port}"
        return [str(self._program), "server", "--quiet", "--address", address, str(self.folder / "data")]

    def _answers(self) -> bool:
        return answers_http(f"{self.url}/minio/health/ready")


@contextmanager
def running_object_store(folder: Path) -> Iterator[ObjectStore]:
    """A server with its objects in `folder`, while this lasts."""
    one = ObjectStore(folder)
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """The run's S3 server. A test that kills or pauses it leaves it running and answering."""
    with running_object_store(tmp_path_factory.mktemp("object-store")) as one:
        yield one


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    """A bucket of the test alone."""
    return object_store.create_bucket()
