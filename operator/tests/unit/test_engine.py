"""What the engine makes of what it hears: which sites are looked at again."""

from typing import cast

import pytest

from alpr_kubernetes import Client, kinds
from alpr_operator.engine import Engine
from alpr_operator.passes.statuses import status_write
from alpr_operator.settings import Settings
from alpr_operator.store import SiteKey

SITE = SiteKey("harbour", "harbour")


def camera(version=1, url="rtsp://192.0.2.1/a"):
    meta = {"name": "gate", "namespace": "harbour", "uid": "u-gate", "resourceVersion": str(version)}
    spec = {"siteRef": {"name": "harbour"}, "source": {"protocol": "rtsp", "url": url}}
    return {"metadata": meta, "spec": spec}


@pytest.fixture
def engine():
    engine = Engine(Settings(), cast("Client", None))  # nothing is sent in here
    engine.observe(kinds.CAMERAS, None, camera())
    engine.ready.set()
    return engine


def answered(engine, raw):
    """Our status of the camera is written, and `raw` is the server's answer."""
    write = status_write(kinds.CAMERAS, SITE, "gate", "u-gate", {"epoch": 1})
    engine.written(write, raw)


def deleted(raw):
    raw["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return raw


def test_our_own_status_is_no_reason_to_look_again(engine):
    answered(engine, {**camera(version=2), "status": {"epoch": 1}})
    assert len(engine.queue) == 0


@pytest.mark.parametrize("changed", [deleted(camera(version=3)), camera(version=3, url="rtsp://192.0.2.9/b")])
def test_what_another_one_changed_is_heard_of_by_the_answer_to_our_status(engine, changed):
    changed["status"] = {"epoch": 1}
    answered(engine, changed)
    engine.observe(kinds.CAMERAS, "MODIFIED", changed)  # no news any more
    assert len(engine.queue) == 1
