from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alpr_edge_agent.decode import StreamInfo
from alpr_edge_agent.pipeline.status import CameraHealth, StatusBoard
from alpr_schemas.resources import CameraState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def board() -> StatusBoard:
    one = StatusBoard(now=Clock())
    one.expect("cam")
    return one


def cam(one: StatusBoard, now_s: float = 100.0) -> CameraHealth:
    (health,) = one.cameras(now_s)
    return health


def test_since_moves_with_the_state_and_not_with_its_reason() -> None:
    one = board()
    one.state("cam", CameraState.FAILED, "no answer")
    since = cam(one).since
    one.state("cam", CameraState.FAILED, "nobody listens")
    assert (cam(one).since, cam(one).reason) == (since, "nobody listens")
    one.state("cam", CameraState.STREAMING, stream=StreamInfo("h264", 640, 360, 15.0))
    assert cam(one).since > since
    assert (cam(one).codec, cam(one).width, cam(one).reason) == ("h264", 640, "")


def test_rate_is_of_the_last_seconds() -> None:
    one = board()
    cam(one, 10.0)
    for n in range(30):
        one.frame_at("cam", NOW + timedelta(seconds=n))
    assert cam(one, 12.0).fps == 15.0
    assert cam(one, 14.0).fps == 0.0


def test_thread_that_outlives_its_camera_brings_it_not_back() -> None:
    one = board()
    one.forget("cam")
    one.state("cam", CameraState.STREAMING)
    one.frame_at("cam", NOW)
    one.read_at("cam", NOW)
    one.count("cam", dropped=1)
    assert one.cameras(0.0) == ()


def test_problem_stands_until_it_is_gone() -> None:
    one = board()
    one.problem("outbox", "disk is full")
    one.problem("outbox", "disk is full")
    one.problem("metrics", "port is busy")
    assert one.problems() == ("disk is full", "port is busy")
    one.problem("outbox", None)
    assert one.problems() == ("port is busy",)


def test_long_reasons_are_cut_to_what_a_report_may_hold() -> None:
    one = board()
    one.state("cam", CameraState.FAILED, "x" * 5000)
    assert len(cam(one).reason) == 1024
