"""Pictures into a real S3 server: once, whole, and by what a Secret says."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import httpx
import obstore
import pytest

from alpr_images import image_key
from alpr_images.errors import Unavailable
from alpr_images.store import open_bucket
from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.object_store import KEY_ID, SECRET
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
END = b"\xff\xd9"
PICTURE = b"\xff\xd8" + b"picture" * 100 + END


def a_key():
    return image_key("north", datetime(2026, 1, 2, tzinfo=UTC), str(uuid4()), "plate")


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    return path


@pytest.fixture
def store(object_store, bucket, secret):
    return open_bucket(f"s3://{bucket}", endpoint=object_store.url, credentials_file=secret)


def test_the_first_picture_stays_and_the_store_itself_says_so(store):
    key, other = a_key(), PICTURE[:-2] + b"other" + END
    assert store.heeds_conditions is None
    assert store.put_if_absent(key, PICTURE) == "stored"
    assert store.heeds_conditions is True
    assert store.put_if_absent(key, PICTURE) == "there"
    assert store.put_if_absent(key, other) == "there"
    assert store.get(key) == PICTURE


def test_many_writers_of_one_picture_agree(store):
    key = a_key()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: store.put_if_absent(key, PICTURE), range(8)))
    assert store.get(key) == PICTURE
    assert set(outcomes) <= {"stored", "there"}


def test_a_torn_picture_that_lies_there_is_replaced(store, object_store, bucket):
    key = a_key()
    for torn in (b"", PICTURE[:100]):
        obstore.put(object_store.client(bucket), key, torn)
        assert store.put_if_absent(key, PICTURE) == "mended"
        assert store.get(key) == PICTURE


def test_a_put_that_is_cut_leaves_nothing_and_the_next_one_all_of_it(object_store, bucket, secret):
    key, large = a_key(), b"\xff\xd8" + bytes(6_000_000) + END
    with FaultProxy(object_store.port) as line:
        through = open_bucket(f"s3://{bucket}", endpoint=f"http://127.0.0.1:{line.port}", credentials_file=secret)
        through.put_if_absent(a_key(), PICTURE)
        line.set("delay", delay_s=0.05)  # 64 KiB a turn: some five seconds for this picture
        with ThreadPoolExecutor(1) as pool:
            cut = pool.submit(through.put_if_absent, key, large)
            until(lambda: _written(object_store.folder) > 0, 20, "the server has a part of it")
            line.set("refuse")
            with pytest.raises(Unavailable):
                cut.result(30)
        assert not open_bucket(f"s3://{bucket}", endpoint=object_store.url, credentials_file=secret).exists(key)
        line.set("pass")
        assert through.put_if_absent(key, large) == "stored"
        assert through.get(key) == large


def _taken(store):
    try:
        return store.put_if_absent(a_key(), PICTURE) == "stored"
    except Unavailable:
        return False


def _written(folder):
    """Bytes that a MinIO has of uploads which are on their way."""
    try:
        return sum(path.stat().st_size for path in folder.glob("data/.minio.sys/tmp/*/*/part.*"))
    except FileNotFoundError:
        return 0


def test_credentials_are_read_again_and_never_told(object_store, bucket, tmp_path):
    path = tmp_path / "credentials"
    store = open_bucket(f"s3://{bucket}", endpoint=object_store.url, credentials_file=path)
    with pytest.raises(Unavailable) as missing:
        store.put_if_absent(a_key(), PICTURE)
    path.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = wrong-{SECRET}\n")
    with pytest.raises(Unavailable, match="refuses us") as refused:
        store.put_if_absent(a_key(), PICTURE)
    path.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    until(lambda: _taken(store), 10, "the renewed Secret is read")
    for error in (missing, refused):
        assert SECRET not in str(error.value)
        assert KEY_ID not in str(error.value)


class Plain(BaseHTTPRequestHandler):
    """An object store of the kind that knows no conditions; `answer` is what it says to one."""

    protocol_version = "HTTP/1.1"
    kept: dict[str, bytes]
    answer: int
    keep_bytes: int | None

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("if-none-match") and self.answer == 501:
            return self.say(501, b"<Error><Code>NotImplemented</Code></Error>")
        self.kept[self.path] = body[: self.keep_bytes]
        type(self).keep_bytes = None
        return self.say(200, tag=f'"{uuid4().hex}"')

    def do_HEAD(self):
        found = self.kept.get(self.path)
        self.say(404) if found is None else self.say(200, found)

    def do_GET(self):
        self.say(200, self.kept[self.path])

    def say(self, status, body=b"", tag='"x"'):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", tag)
        self.send_header("last-modified", "Fri, 02 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def plain(request, secret):
    handler = type("One", (Plain,), {"kept": {}, "answer": request.param, "keep_bytes": None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    assert httpx.head(f"{address}/none").status_code == 404
    yield open_bucket("s3://b", endpoint=address, credentials_file=secret), handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("plain", [200, 501], indirect=True)
def test_a_store_that_knows_no_conditions_is_asked_first(plain):
    store, server = plain
    key = a_key()
    assert store.put_if_absent(key, PICTURE) == "stored"
    assert store.heeds_conditions is False
    assert store.put_if_absent(key, PICTURE[:-2] + b"other" + END) == "there"
    assert list(server.kept.values()) == [PICTURE]


@pytest.mark.parametrize("plain", [200], indirect=True)
def test_a_store_that_kept_less_than_it_was_sent_is_noticed(plain):
    store, server = plain
    store.put_if_absent(a_key(), PICTURE)
    server.keep_bytes = 100
    key = a_key()
    assert store.put_if_absent(key, PICTURE) == "stored"
    assert store.get(key) == PICTURE
