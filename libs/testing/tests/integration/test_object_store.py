from __future__ import annotations

from datetime import timedelta

import httpx
import obstore
import pytest
from obstore.exceptions import AlreadyExistsError

from alpr_testing.object_store import ObjectStore

pytestmark = pytest.mark.integration


def test_what_is_there_is_not_put_again(object_store: ObjectStore, bucket: str) -> None:
    store = object_store.client(bucket)
    store.put("a/plate.jpg", b"first", mode="create")
    with pytest.raises(AlreadyExistsError):
        store.put("a/plate.jpg", b"second", mode="create")
    assert bytes(store.get("a/plate.jpg").bytes()) == b"first"


def test_put_if_absent_is_412_on_the_wire(object_store: ObjectStore, bucket: str) -> None:
    store = object_store.client(bucket)
    address = obstore.sign(store, "PUT", "one", timedelta(minutes=1))
    answers = [httpx.put(address, content=b"x", headers={"if-none-match": "*"}, timeout=30) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 412]


def test_unsigned_requests_are_refused(object_store: ObjectStore, bucket: str) -> None:
    object_store.client(bucket).put("one", b"x")
    assert httpx.get(f"{object_store.url}/{bucket}/one", timeout=30).status_code == 403


def test_a_killed_server_returns_with_its_objects(object_store: ObjectStore, bucket: str) -> None:
    store = object_store.client(bucket)
    for number in range(50):
        store.put(f"{number}", b"%d" % number)
    object_store.kill()
    with pytest.raises(httpx.ConnectError):
        httpx.get(object_store.url)
    object_store.start()
    assert bytes(store.get("49").bytes()) == b"49"
    assert sum(len(page) for page in store.list()) == 50
