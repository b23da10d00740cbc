"""The guard is asked when the bytes leave, not only when a write is begun."""

import asyncio

import pytest

from alpr_kubernetes import Client, Connection, kinds


class Lost(Exception):
    """This process may not write any more."""


class Guard:
    """Lets the first `passes` questions pass."""

    def __init__(self, passes: int) -> None:
        self.left = passes

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Lost


async def _write(guard: Guard, came: bytearray) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            came.extend(chunk)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with Client(Connection(server=f"http://127.0.0.1:{port}"), "test", guard=guard) as client:
            manifest = {"metadata": {"name": "gate", "namespace": "north"}}
            await client.merge(kinds.CAMERAS, "north", "gate", manifest)


def test_a_write_whose_guard_falls_before_its_bytes_leave_sends_none():
    came = bytearray()
    with pytest.raises(Lost):
        asyncio.run(_write(Guard(1), came))
    assert not came


def test_a_guarded_write_goes_out_once():
    came = bytearray()
    asyncio.run(_write(Guard(9), came))
    assert came.count(b"PATCH ") == 1
