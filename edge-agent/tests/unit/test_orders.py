import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.assignment import write_assignment
from alpr_edge_agent.contact import Moment
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.applied import LET_GO_WITHIN_S, Applied
from alpr_edge_agent.pipeline.orders import Orders
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_schemas.resources import EdgeAssignment


def assignment(revision=1, **spec):
    camera = {"name": "gate", "config": {"source": {"protocol": "usb", "url": "usb:///dev/video0"}}}
    spec = {"nodeName": "n1", "site": "s1", "revision": revision, "cameras": [camera], **spec}
    return EdgeAssignment.model_validate({"metadata": {"name": "n1"}, "spec": spec})


class Clock:
    def __init__(self, folder):
        self.path = folder.contact
        self.boot_s = 1000.0

    def __call__(self):
        return Moment(boot="b", boot_s=self.boot_s, wall_s=self.boot_s)

    def reached(self):
        self.path.write_text(self().model_dump_json())


@pytest.fixture
def folder(tmp_path):
    return EdgeFolder(tmp_path)


@pytest.fixture
def clock(folder):
    return Clock(folder)


@pytest.fixture
def board():
    return StatusBoard()


@pytest.fixture
def orders(folder, board, clock):
    made = Orders(folder, board)
    made._fence.now = clock
    return made


def names(news):
    return [camera.name for camera in news[0].spec.cameras]


def test_orders_are_given_once(orders, folder):
    assert orders.changed() is None
    write_assignment(folder.assignment, assignment())
    assert names(orders.changed()) == ["gate"]
    assert orders.changed() is None
    folder.credentials.write_text(json.dumps({"gate": {"username": "u", "password": "p"}}))
    assert orders.changed()[1]["gate"].password == "p"


def test_a_damaged_file_leaves_the_orders_as_they_are(orders, folder, board):
    write_assignment(folder.assignment, assignment())
    orders.changed()
    folder.credentials.write_text("{")
    assert orders.changed() is None
    assert "write it anew" in board.problems()[0]


def test_cameras_are_let_go_while_the_api_is_out_of_reach_and_come_back(orders, folder, board, clock):
    clock.reached()
    write_assignment(folder.assignment, assignment(3, fenceAfter="10m"))
    assert names(orders.changed()) == ["gate"]
    clock.boot_s += 599
    assert orders.changed() is None
    clock.boot_s += 2
    fenced = orders.changed()
    assert names(fenced) == []
    assert fenced[0].spec.revision == 3
    assert "let go" in board.problems()[0]
    assert orders.changed() is None
    clock.reached()
    assert names(orders.changed()) == ["gate"]
    assert board.problems() == ()


def test_without_a_fence_a_lost_link_changes_nothing(orders, folder, clock):
    write_assignment(folder.assignment, assignment())
    orders.changed()
    clock.boot_s += 10**7
    assert orders.changed() is None


def test_a_revision_is_acknowledged_when_its_streams_are_closed():
    applied = Applied()
    applied.begun(4, 100.0)
    assert applied.revision(100.0, let_go=True) == 4
    applied.begun(5, 200.0)
    assert applied.revision(200.5, let_go=False) == 4
    assert applied.revision(201.0, let_go=True) == 5
    applied.begun(6, 300.0)
    assert applied.revision(300.1 + LET_GO_WITHIN_S, let_go=False) == 6


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), min_size=1))
def test_acknowledged_revisions_never_fall(looks):
    applied, now, seen = Applied(), 0.0, 0
    for number, (passed, let_go) in enumerate(looks, start=1):
        now += passed
        applied.begun(number, now)
        revision = applied.revision(now, let_go=let_go)
        assert seen <= revision <= number
        seen = revision
