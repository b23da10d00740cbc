"""A TCP proxy that misbehaves on demand, between a client and a server on this machine; TLS passes through it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self

Mode = Literal["pass", "refuse", "freeze", "delay", "mute"]


class FaultProxy:
    """Listens on 127.0.0.1:`port` (a free one where it is 0) and speaks to 127.0.0.1:`target`; a context manager.

    Modes: `pass`; `refuse` cuts all connections and new ones at once; `freeze` lets no byte through while connections
    stay open, as a dead NAT entry does; `delay` holds each piece back for `delay_s`, in both directions; `mute` lets
    arrive what clients send and throws away what the server answers, such as an acknowledgement. A connection that
    lost an answer so is cut when the mode changes: what would come next on it has no meaning.
    """

    def __init__(self, target: int, *, port: int = 0) -> None:
        self._target = target
        self._mode: Mode = "pass"
        self._delay_s = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._stalled: set[asyncio.StreamWriter] = set()
        self._unanswered: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = port

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def open_connections(self) -> int:
        """Connections from clients that are open now."""
        return len(self._writers) // 2

    def set(self, mode: Mode, *, delay_s: float = 0.0) -> None:
        """Behave so from now on; `refuse` cuts what is open."""
        self._wait(self._turn(mode, delay_s))

    def cut(self) -> None:
        """Reset (RST) what is open; new connections fare as the mode says."""
        self._wait(self._cut())

    def stall(self) -> None:
        """Let no byte pass on what is open, ever again, without closing it; new connections fare as the mode says."""
        self._wait(self._stall())

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _turn(self, mode: Mode, delay_s: float) -> None:
        self._mode, self._delay_s = mode, delay_s if mode == "delay" else 0.0
        (self._thawed.clear if mode == "freeze" else self._thawed.set)()
        if mode == "refuse":
            await self._cut()
        elif mode != "mute":
            for writer in self._unanswered:
                _reset(writer)

    async def _cut(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _stall(self) -> None:
        self._stalled |= self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Only our own end cancels this, and asyncio logs a connection's task that ends so as a failure.
        with suppress(asyncio.CancelledError):
            await self._connect(reader, writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "refuse":
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer, answers=True))
        finally:
            for one in (writer, far_writer):
                self._writers.discard(one)
                self._stalled.discard(one)
                self._unanswered.discard(one)
                one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False) -> None:
        try:
            while chunk := await reader.read(65536):
                await self._held_back(writer)
                if answers and self._mode == "mute":
                    self._unanswered.add(writer)
                    continue
                writer.write(chunk)
                await writer.drain()
            await self._held_back(writer)  # a frozen line carries no end either
            writer.write_eof()
        except OSError:
            writer.transport.abort()

    async def _held_back(self, writer: asyncio.StreamWriter) -> None:
        if writer in self._stalled:
            await asyncio.Event().wait()  # until the proxy closes
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        await self._thawed.wait()

    async def _close(self) -> None:
        writers = list(self._writers)
        await self._cut()
        if self._server is not None:
            self._server.close()
        pending = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for writer in writers:  # their sockets close one turn of the loop later
            with suppress(OSError):
                await writer.wait_closed()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST, not FIN: with nothing lingering the kernel throws away what waits."""
    transport = writer.transport
    if not transport.is_closing():
        told: socket.socket = transport.get_extra_info("socket")
        told.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
