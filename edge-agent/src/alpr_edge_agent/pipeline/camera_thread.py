"""One camera's decoding thread: opens its source, fills its mailbox, connects again, and says how it goes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from alpr_edge_agent.decode import StreamInfo
from alpr_edge_agent.errors import BackendUnavailable, SourceRefused, SourceUnavailable
from alpr_edge_agent.pipeline.backoff import Backoff
from alpr_edge_agent.pipeline.mailbox import FeedEnded, Mailbox
from alpr_edge_agent.pipeline.pacer import Pacer
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.sources import CameraFrame, Feed, Source
from alpr_schemas.resources import CameraState

log = structlog.get_logger(__name__)
FILE_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class ThreadParts:
    """What a camera's thread works with.

    Attributes:
        once: a file that cannot be read is not tried again.
        rank: whose turn it is when several want to connect: the lower one's.
    """

    make_source: Callable[[], Source]
    mailbox: Mailbox
    board: StatusBoard
    pacer: Pacer
    stop: threading.Event
    once: bool = False
    rank: int = 0


class CameraThread(threading.Thread):
    """Ends when `stop` is set, or when a source that is no camera has given all it has."""

    def __init__(self, camera: str, parts: ThreadParts) -> None:
        super().__init__(name=f"camera-{camera}", daemon=True)
        self._camera = camera
        self._parts = parts
        self._backoff = Backoff()
        self.source: Source | None = None

    def run(self) -> None:
        """The thread."""
        try:
            while not self._parts.stop.is_set() and not self._serve():
                pass
        except BackendUnavailable as e:
            self._say(CameraState.FAILED, str(e))
        except Exception:
            log.exception("camera_thread_failed", camera=self._camera)
            self._say(CameraState.FAILED, "an error of ours ended it; see the log, and report it")

    def _serve(self) -> bool:
        """From a fresh source to its end; whether that was all."""
        self._say(CameraState.CONNECTING)
        try:
            source = self.source = self._parts.make_source()
        except SourceUnavailable as e:
            self._say(CameraState.FAILED, str(e))
            return self._parts.once or self._parts.stop.wait(FILE_RETRY_S)
        if source.endless:
            return self._keep_connected(source)
        failed = self._read_all(source)
        return not failed or self._parts.once or self._parts.stop.wait(FILE_RETRY_S)

    def _keep_connected(self, source: Source) -> bool:
        while not self._parts.pacer.wait(self._parts.stop, self._parts.rank):
            refused = False
            try:
                if (feed := source.open()) is not None:
                    self._play(feed, source)
                self._say(CameraState.CONNECTING, "the stream ended; connecting again")
            except SourceRefused as e:
                refused = True
                self._say(CameraState.AUTH_FAILED, str(e))
            except SourceUnavailable as e:
                self._say(CameraState.FAILED, str(e))
            if self._parts.stop.wait(self._backoff.next_s(refused=refused)):
                break
        return True

    def _read_all(self, source: Source) -> bool:
        """Whether nothing of it could be read."""
        problems: list[str] = []
        read = 0
        while not self._parts.stop.is_set():
            try:
                feed = source.open()
                if feed is None:
                    break
                self._play(feed, source)
                read += 1
            except SourceUnavailable as e:
                problems.append(str(e))
                log.warning("source_unreadable", camera=self._camera, reason=str(e))
                if self._looping(source):
                    break
        self._say_end(read, problems)
        return not read

    @staticmethod
    def _looping(source: Source) -> bool:
        return source.paced  # a paced clip would fail again at once, for ever

    def _say_end(self, read: int, problems: list[str]) -> None:
        if self._parts.stop.is_set():
            return
        if not read:
            self._say(CameraState.FAILED, problems[0] if problems else "there was nothing in it")
        elif problems:
            self._say(CameraState.ENDED, f"{len(problems)} of {read + len(problems)} could not be read: {problems[0]}")
        else:
            self._say(CameraState.ENDED)

    def _play(self, feed: Feed, source: Source) -> None:
        frames = 0
        try:
            for frame in feed:
                if self._parts.stop.is_set():
                    break
                if not frames:
                    self._begin(feed, frame)
                frames += 1
                self._hand_over(frame, source)
        finally:
            feed.close()
            if not source.endless:
                self._parts.mailbox.put(FeedEnded(feed.epoch))

    def _begin(self, feed: Feed, frame: CameraFrame) -> None:
        self._backoff.reset()
        stream = feed.stream
        if not stream.width:  # nothing was known before the first picture
            stream = StreamInfo(stream.codec, frame.info.width, frame.info.height, stream.fps, stream.created_at)
        self._parts.board.state(self._camera, CameraState.STREAMING, stream=stream)

    def _hand_over(self, frame: CameraFrame, source: Source) -> None:
        self._parts.board.frame_at(self._camera, frame.info.captured_at)
        if not source.paced:
            self._parts.mailbox.put(frame)
        elif not self._parts.mailbox.offer(frame):
            self._parts.board.count(self._camera, dropped=1)

    def _say(self, state: CameraState, reason: str = "") -> None:
        if not self._parts.stop.is_set():
            self._parts.board.state(self._camera, state, reason)
