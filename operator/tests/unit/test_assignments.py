"""Whether the server's EdgeAssignment says what we want; what somebody changed there is put right."""

import json
from datetime import UTC, datetime

import pytest

from alpr_operator.desired.assignments import manifest_of
from alpr_operator.desired.manifests import Owner, digest
from alpr_operator.store.objects import SeenAssignment, SiteKey

OWNER = Owner(SiteKey("north", "north"), "uid")
SOURCE = {"source": {"protocol": "usb", "url": "usb://0"}}
SINCE = datetime(2026, 1, 2, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def camera(name, epoch=1):
    return {"name": name, "uid": "u", "generation": 1, "epoch": epoch, "config": SOURCE}


def released(name, epoch):
    return {"name": name, "uid": "u", "epoch": epoch, "since": SINCE, "revision": 2}


def content(*cameras, released=()):
    return {
        "schema": 1,
        "nodeName": "n",
        "site": "north",
        "models": {},
        "cameras": list(cameras),
        "released": list(released),
    }


def seen(spec, wanted):
    return SeenAssignment(OWNER.key, "n", "uid-n", 7, 4, json.dumps({**spec, "revision": 4}).encode(), digest(wanted))


def written(on_the_server, wanted):
    """The revision that is written; None where nothing is."""
    manifest = manifest_of(OWNER, wanted, seen(on_the_server, wanted))
    return manifest and manifest["spec"]["revision"]


def test_nothing_is_written_where_the_server_says_it_already():
    wanted = content(camera("a"), camera("b"))
    assert written(wanted, wanted) is None
    assert written({**wanted, "connectPerSecond": 2.0}, wanted) is None


@pytest.mark.parametrize(
    "changed",
    [
        content(camera("a")),
        content(camera("a"), camera("b"), camera("c")),
        content(camera("a"), camera("b", epoch=2)),
        content(camera("a"), camera("b"), released=[released("c", 1)]),
        {"schema": 1, "nodeName": "n", "site": "north", "models": {}},
    ],
)
def test_what_somebody_took_away_changed_or_added_is_put_right(changed):
    assert written(changed, content(camera("a"), camera("b"))) == 5


def test_a_camera_that_was_released_twice_is_not_written_again_and_again():
    wanted = content(released=[released("a", 1), released("a", 3)])
    assert written(wanted, wanted) is None
