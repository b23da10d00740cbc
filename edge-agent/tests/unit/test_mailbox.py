from __future__ import annotations

import threading
from datetime import UTC, datetime

import numpy as np

from alpr_edge_agent.frames import FrameInfo
from alpr_edge_agent.pipeline.mailbox import EVERY_FRAME_DEPTH, FeedEnded, Mailbox
from alpr_edge_agent.sources import CameraFrame
from alpr_edge_agent.sources.still import ArrayPicture

PICTURE = ArrayPicture(np.zeros((2, 2, 3), np.uint8))


def frame(number: int) -> CameraFrame:
    return CameraFrame(FrameInfo("cam", "e", number, datetime(2026, 1, 1, tzinfo=UTC), 2, 2), PICTURE)


def box() -> tuple[Mailbox, threading.Event]:
    stop = threading.Event()
    return Mailbox(threading.Event(), stop), stop


def test_newest_frame_wins() -> None:
    mailbox, _ = box()
    kept = [mailbox.offer(frame(n)) for n in range(5)]
    assert kept == [True, False, False, False, False]
    assert mailbox.take() == frame(4)
    assert mailbox.take() is None


def test_end_of_a_feed_is_never_dropped() -> None:
    mailbox, _ = box()
    mailbox.offer(frame(0))
    mailbox.put(FeedEnded("e"))
    mailbox.offer(frame(1))
    mailbox.offer(frame(2))
    assert [mailbox.take() for _ in range(3)] == [frame(0), FeedEnded("e"), frame(2)]


def test_every_frame_comes_through_in_order_and_few_wait() -> None:
    mailbox, _ = box()
    producer = threading.Thread(target=lambda: [mailbox.put(frame(n)) for n in range(50)])
    producer.start()
    taken: list[int] = []
    most = 0
    while len(taken) < 50:
        most = max(most, len(mailbox))
        item = mailbox.take()
        if isinstance(item, CameraFrame):
            taken.append(item.info.number)
    producer.join()
    assert taken == list(range(50))
    assert most <= EVERY_FRAME_DEPTH


def test_stopped_camera_does_not_hang_on_a_full_box() -> None:
    mailbox, stop = box()
    stop.set()
    for n in range(3 * EVERY_FRAME_DEPTH):
        mailbox.put(frame(n))
