"""The agent's half of row 17 of the failure matrix: whatever the object store does, each picture of each event is there."""

import hashlib
import os
import threading
from contextlib import contextmanager
from datetime import datetime

import pytest

from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.agent.uplink import uplink
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.outbox import SpooledImage
from alpr_images.keys import image_key
from alpr_images.store import open_bucket
from alpr_testing.event_load import Street
from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.object_store import KEY_ID, SECRET
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


class Pictures:
    """A node that has pictures, the store where they belong, and the way there."""

    def __init__(self, node, folder, server, bucket):
        self.node, self.folder, self.server, self.bucket = node, folder, server, bucket
        self.secret = folder / "credentials"
        self.secret.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
        self.box = node.box()
        self.put = {}

    def take(self, many, size=20_000):
        """Put `many` readings with two pictures each; what they are is kept, by key, in `put`."""
        street = Street(self.node.agent, self.box.boot_id, len(self.put))
        for _ in range(many):
            event = street.reading()
            self.box.put([event], [self._spooled(event, kind, size) for kind in ("plate", "frame")])

    def _spooled(self, event, kind, size):
        data = b"\xff\xd8" + os.urandom(size) + b"\xff\xd9"
        key = image_key("north", datetime.fromisoformat(event.captured_at), event.event_id, kind)
        path = self.folder / f"{event.event_id}-{kind}.jpg"
        path.write_bytes(data)
        self.put[key] = data
        return SpooledImage(key, event.event_id, kind, path, hashlib.sha256(data).hexdigest(), len(data))

    @contextmanager
    def uploading(self, endpoint=""):
        """The agent's own upload, as long as the block."""
        told = {"images_url": f"s3://{self.bucket}", "images_endpoint": endpoint or self.server.url}
        settings = NodeSettings(
            node_name="n", namespace="north", data=self.folder, images_credentials_file=self.secret, kafka=None, **told
        )
        stop = threading.Event()
        with uplink(settings, EdgeFolder(self.folder)) as way:
            work = threading.Thread(target=way.works["images"], args=(stop,))
            work.start()
            try:
                yield
            finally:
                stop.set()
                work.join(40)

    def waiting(self):
        with self.node.reader() as reader:
            return reader.backlog().images

    def audit(self):
        """Compare the store with what was put: all pictures, whole, no others."""
        store = open_bucket(f"s3://{self.bucket}", endpoint=self.server.url, credentials_file=self.secret)
        assert set(store.keys("north/")) == set(self.put)
        assert all(store.get(key) == data for key, data in self.put.items())
        assert not list(self.folder.glob("*.jpg"))  # the spool is empty


@pytest.fixture
def pictures(node, tmp_path, object_store, bucket):
    one = Pictures(node, tmp_path, object_store, bucket)
    yield one
    one.box.close()


def test_row_17_while_the_store_is_down_events_go_on_and_afterwards_no_picture_is_missing(pictures, node):
    with pictures.uploading():
        pictures.take(3)
        until(lambda: pictures.waiting() == 0, 30, "pictures are uploaded")
        pictures.server.kill()
        try:
            pictures.take(10)
            node.deliver()
            assert len(node.ids()) == 13
            assert pictures.waiting() == 20
        finally:
            pictures.server.start()
        until(lambda: pictures.waiting() == 0, 60, "pictures are uploaded")
    pictures.audit()


def test_row_17_a_picture_that_is_there_already_is_a_success(pictures):
    pictures.take(4)
    store = open_bucket(f"s3://{pictures.bucket}", endpoint=pictures.server.url, credentials_file=pictures.secret)
    for key, data in list(pictures.put.items())[:5]:
        store.put_if_absent(key, data)  # an agent that was killed before it could delete the row
    with pictures.uploading():
        until(lambda: pictures.waiting() == 0, 30, "the rows are gone")
    pictures.audit()


def test_row_17_uploads_that_are_cut_are_made_again_whole(pictures):
    pictures.take(8, size=400_000)
    with FaultProxy(pictures.server.port) as line:
        line.set("delay", delay_s=0.03)  # some seven pieces a picture: a cut mostly comes amid one
        with pictures.uploading(f"http://127.0.0.1:{line.port}"):
            for left in (15, 12, 9):
                until(lambda at_most=left: pictures.waiting() <= at_most, 60, "uploads are on their way")
                line.cut()
            until(lambda: pictures.waiting() == 0, 60, "pictures are uploaded")
    pictures.audit()
