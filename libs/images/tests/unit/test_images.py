from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alpr_images import image_key
from alpr_images.errors import BadKey, Unavailable
from alpr_images.keys import check_key
from alpr_images.settings import ImagesSettings
from alpr_images.store import open_image_store

ID = str(UUID(int=7))
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
KEY = image_key("north", NOON, ID, "plate")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "images"


@pytest.fixture
def store(folder):
    return open_image_store(f"file://{folder}")


def test_a_key_names_site_day_and_event():
    assert f"north/2026/01/02/{ID}/plate.jpg" == KEY


def test_the_day_is_utc():
    late = datetime(2026, 1, 2, 23, tzinfo=timezone(timedelta(hours=-5)))
    assert image_key("north", late, ID, "frame").startswith("north/2026/01/03/")


def test_the_first_picture_stays(store):
    store.put_if_absent(KEY, b"one")
    store.put_if_absent(KEY, b"two")
    assert store.get(KEY) == b"one"
    assert store.exists(KEY)


def test_nothing_but_the_picture_is_left(store, folder):
    store.put_if_absent(KEY, b"one")
    store.put_if_absent(KEY, b"two")
    assert [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()] == [KEY]


def test_many_writers_of_one_picture_agree(store):
    pictures = [bytes([n]) * 1000 for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda data: store.put_if_absent(KEY, data), pictures))
    assert store.get(KEY) in pictures


def test_what_is_not_there_is_none(store):
    assert store.get(KEY) is None
    assert not store.exists(KEY)


@given(st.text(max_size=40))
def test_no_text_leads_out_of_the_store(text):
    try:
        check_key(text)
    except BadKey:
        return
    assert ".." not in text
    assert not text.startswith("/")


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "north/2026/01/02/../../secret/plate.jpg", KEY + "x"])
def test_a_foreign_key_is_refused(store, key):
    with pytest.raises(BadKey):
        store.get(key)


@pytest.mark.parametrize("site", ["", "a/b", "A", "..", "a..b"])
def test_a_site_that_is_no_name_is_refused(site):
    with pytest.raises(BadKey):
        image_key(site, NOON, ID, "plate")


def test_a_store_that_cannot_write_says_unavailable(store, folder):
    (folder / "north").write_text("in the way")
    with pytest.raises(Unavailable):
        store.put_if_absent(KEY, b"x")


def test_the_pictures_of_a_day_are_listed_and_nothing_else(store, folder):
    other = image_key("north", NOON + timedelta(days=1), ID, "plate")
    for key in (KEY, other):
        store.put_if_absent(key, b"jpeg")
    (folder / KEY).with_suffix(".part").write_bytes(b"torn")
    assert list(store.keys("north/2026/01/02/")) == [KEY]
    assert set(store.keys("north/")) == {KEY, other}
    assert list(store.keys("south/2026/01/02/")) == []


@pytest.mark.parametrize("prefix", ["", "/", "north", "../", "north/../", "north/2026/1/", "NORTH/"])
def test_what_begins_no_key_lists_nothing(store, prefix):
    with pytest.raises(BadKey):
        next(store.keys(prefix))


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"url": "s3://user:hidden@bucket"}, "url.*\n.*credentials file"),
        ({"url": "ftp://x"}, "url.*\n.*s3:// or file://"),
        ({"url": "s3://b", "endpoint": "store:9000"}, "endpoint.*\n.*https://"),
    ],
)
def test_an_address_with_a_password_or_of_another_kind_is_refused_by_its_name(told, complaint):
    with pytest.raises(ValidationError, match=complaint) as e:
        ImagesSettings(**told)
    assert "hidden" not in str(e.value)


def test_settings_open_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ALPR_IMAGES_URL", f"file://{tmp_path}/pictures")
    store = ImagesSettings().open()
    store.put_if_absent(KEY, b"x")
    assert store.get(KEY) == b"x"
