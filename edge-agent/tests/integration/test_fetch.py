"""Models over TLS with a certificate of our own, and over an HTTP server that answers GET and HEAD as S3 does."""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from alpr_edge_agent.errors import DigestMismatch, FetchFailed
from alpr_edge_agent.models.fetch import fetch
from alpr_images.store import BucketAccess
from alpr_testing.needs import missing

pytestmark = pytest.mark.integration
CONTENT = os.urandom(5_000_000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
LIMIT = 10**9


@dataclass
class FileServer:
    """Serves CONTENT under every path but /gone; breaks off answers after `cut_after` bytes, as often as it is told."""

    certificate: Path | None = None
    cuts: list[int] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    ranges: bool = True
    redirect: str | None = None

    def __enter__(self) -> Self:
        files = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._head(200, 0)

            def do_GET(self) -> None:
                files.asked.append(("GET", self.path, self.headers.get("Range")))
                wanted = self.headers.get("Range") if files.ranges else None
                begin = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
                if files.redirect:
                    self.send_response(302)
                    self.send_header("Location", files.redirect)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif self.path.endswith("gone"):
                    self.send_error(404, "Not Found")
                elif begin >= len(CONTENT):
                    self.send_error(416, "Range Not Satisfiable")
                else:
                    self._head(206 if wanted else 200, begin)
                    self._body(begin)

            def _head(self, status: int, begin: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(CONTENT) - begin))
                self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
                self.send_header("ETag", '"e"')
                if status == 206:
                    self.send_header("Content-Range", f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}")
                self.end_headers()

            def _body(self, begin: int) -> None:
                if files.cuts:
                    self.wfile.write(CONTENT[begin : begin + files.cuts.pop(0)])
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.close()
                else:
                    self.wfile.write(CONTENT[begin:])

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self._server.server_port}{path}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate for 127.0.0.1 in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("openssl is missing; run: apt-get install -y openssl")
    folder = tmp_path_factory.mktemp("tls")
    argv = [str(openssl), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run(argv, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.fixture
def server(certificate: Path) -> Iterator[FileServer]:
    with FileServer(certificate) as server:
        yield server


@pytest.mark.usefixtures("trusted")
def test_a_model_comes_over_tls_and_a_broken_transfer_goes_on(tmp_path: Path, server: FileServer) -> None:
    target = tmp_path / "m.onnx"
    server.cuts = [2_000_000, 1_000_000]
    for _ in range(2):
        with pytest.raises(FetchFailed):
            fetch(server.url("/m.onnx"), DIGEST, target, max_bytes=LIMIT)
    fetch(server.url("/m.onnx"), DIGEST, target, max_bytes=LIMIT)
    assert target.read_bytes() == CONTENT
    starts = [int((asked or "bytes=0-").removeprefix("bytes=").rstrip("-")) for _, _, asked in server.asked]
    assert starts[0] == 0
    assert 0 < starts[1] < starts[2] <= 3_000_000


@pytest.mark.usefixtures("trusted")
def test_a_server_without_ranges_gives_it_whole_again(tmp_path: Path, server: FileServer) -> None:
    target = tmp_path / "m.onnx"
    server.ranges, server.cuts = False, [2_000_000]
    with pytest.raises(FetchFailed):
        fetch(server.url("/m.onnx"), DIGEST, target, max_bytes=LIMIT)
    fetch(server.url("/m.onnx"), DIGEST, target, max_bytes=LIMIT)
    assert target.read_bytes() == CONTENT


@pytest.mark.usefixtures("trusted")
def test_all_of_it_came_before_the_cut(tmp_path: Path, server: FileServer) -> None:
    target = tmp_path / "m.onnx"
    (tmp_path / ".m.onnx.part").write_bytes(CONTENT)
    fetch(server.url("/m.onnx"), DIGEST, target, max_bytes=LIMIT)
    assert target.read_bytes() == CONTENT


@pytest.mark.usefixtures("trusted")
def test_what_is_not_there_is_said_without_the_signature(tmp_path: Path, server: FileServer) -> None:
    with pytest.raises(FetchFailed, match="answered 404") as error:
        fetch(server.url("/m.onnx?signature=hush&x=gone"), DIGEST, tmp_path / "m.onnx", max_bytes=LIMIT)
    assert "hush" not in str(error.value)


def test_an_unknown_certificate_is_refused(tmp_path: Path, server: FileServer) -> None:
    with pytest.raises(FetchFailed, match="certificate"):
        fetch(server.url("/m.onnx"), DIGEST, tmp_path / "m.onnx", max_bytes=LIMIT)


@pytest.mark.usefixtures("trusted")
def test_a_redirect_away_from_tls_is_refused(tmp_path: Path, server: FileServer) -> None:
    with FileServer() as plain:
        server.redirect = plain.url("/m.onnx")
        with pytest.raises(FetchFailed, match="without TLS"):
            fetch(server.url("/m.onnx"), DIGEST, tmp_path / "m.onnx", max_bytes=LIMIT)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with FileServer() as server:
        settings = {
            "AWS_ENDPOINT_URL": server.url(""),
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "hush-hush",
            "AWS_REGION": "us-east-1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield server


def test_a_model_comes_out_of_a_bucket_and_goes_on(tmp_path: Path, bucket: FileServer) -> None:
    target = tmp_path / "m.onnx"
    (tmp_path / ".m.onnx.part").write_bytes(CONTENT[:1_500_000])
    fetch("s3://models/plates/m.onnx", DIGEST, target, max_bytes=LIMIT)
    assert target.read_bytes() == CONTENT
    assert [(path, wanted) for _, path, wanted in bucket.asked] == [("/models/plates/m.onnx", "bytes=1500000-")]


def test_a_bucket_is_reached_as_the_agents_pictures_are(
    tmp_path: Path, bucket: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    told = tmp_path / "credentials"
    told.write_text("[default]\naws_access_key_id = agents\naws_secret_access_key = hush\n")
    access = BucketAccess(bucket.url(""), credentials_file=told)
    fetch("s3://models/plates/m.onnx", DIGEST, tmp_path / "m.onnx", max_bytes=LIMIT, access=access)
    assert (tmp_path / "m.onnx").read_bytes() == CONTENT
    assert [path for _, path, _ in bucket.asked] == ["/models/plates/m.onnx"]


def test_another_file_in_the_bucket_is_refused(tmp_path: Path, bucket: FileServer) -> None:
    with pytest.raises(DigestMismatch, match="correct url or digest"):
        fetch("s3://models/m.onnx", "sha256:" + "0" * 64, tmp_path / "m.onnx", max_bytes=LIMIT)


def test_a_store_that_is_down_tells_no_key(tmp_path: Path, bucket: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(FetchFailed) as error:
        fetch("s3://models/m.onnx", DIGEST, tmp_path / "m.onnx", max_bytes=LIMIT)
    assert "hush-hush" not in str(error.value)
