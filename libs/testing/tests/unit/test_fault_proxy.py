"""The proxy between a client and a plain echo server."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.waiting import until


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        try:
            while got := self.request.recv(65536):
                self.server.heard.append(got)
                self.request.sendall(got)
        except ConnectionError:
            pass


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    heard: list[bytes]


@pytest.fixture
def heard() -> list[bytes]:
    """What the server took in, on all its connections."""
    return []


@pytest.fixture
def proxy(heard: list[bytes]) -> Iterator[FaultProxy]:
    with _Server(("127.0.0.1", 0), _Echo) as server:
        server.heard = heard
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with FaultProxy(server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()


def _connected(proxy: FaultProxy, timeout_s: float = 5.0) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout_s))


def _echoed(connection: socket.socket, sent: bytes) -> bytes:
    connection.sendall(sent)
    got = b""
    while len(got) < len(sent):
        chunk = connection.recv(65536)
        if not chunk:
            break
        got += chunk
    return got


def test_bytes_pass_unchanged_in_both_directions(proxy: FaultProxy) -> None:
    sent = bytes(range(256)) * 4096
    with _connected(proxy) as connection:
        sender = threading.Thread(target=connection.sendall, args=(sent,))
        sender.start()
        got = b""
        while len(got) < len(sent):
            got += connection.recv(65536)
        sender.join()
    assert got == sent


def test_an_end_passes_through(proxy: FaultProxy) -> None:
    with _connected(proxy) as connection:
        assert _echoed(connection, b"last") == b"last"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(10) == b""


def test_frozen_connections_stay_open_and_silent_and_lose_nothing(proxy: FaultProxy) -> None:
    with _connected(proxy, timeout_s=0.3) as connection:
        assert _echoed(connection, b"before") == b"before"
        proxy.set("freeze")
        connection.sendall(b"during")
        with pytest.raises(TimeoutError):
            connection.recv(10)
        proxy.set("pass")
        connection.settimeout(5)
        assert connection.recv(10) == b"during"


def test_frozen_proxy_takes_new_connections_and_says_nothing(proxy: FaultProxy) -> None:
    proxy.set("freeze")
    with _connected(proxy, timeout_s=0.3) as connection:
        connection.sendall(b"hello")
        with pytest.raises(TimeoutError):
            connection.recv(10)


def test_refusal_resets_what_is_open_and_what_comes(proxy: FaultProxy) -> None:
    with _connected(proxy) as connection:
        assert _echoed(connection, b"x") == b"x"
        proxy.set("refuse")
        with pytest.raises(ConnectionResetError):
            connection.recv(10)
    with pytest.raises(ConnectionResetError), _connected(proxy) as connection:
        connection.recv(10)


def test_refusal_ends_a_freeze(proxy: FaultProxy) -> None:
    proxy.set("freeze")
    with _connected(proxy) as connection:
        until(lambda: proxy.open_connections == 1, 5, "the connection is taken")
        proxy.set("refuse")
        with pytest.raises(ConnectionResetError):
            connection.recv(10)


def test_cut_resets_the_open_and_takes_the_next(proxy: FaultProxy) -> None:
    with _connected(proxy) as connection:
        assert _echoed(connection, b"x") == b"x"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(10)
    with _connected(proxy) as connection:
        assert _echoed(connection, b"again") == b"again"


def test_delay_holds_each_direction_back(proxy: FaultProxy) -> None:
    proxy.set("delay", delay_s=0.15)
    with _connected(proxy) as connection:
        began = time.monotonic()
        assert _echoed(connection, b"slow") == b"slow"
        assert time.monotonic() - began >= 0.3
        proxy.set("pass")
        began = time.monotonic()
        assert _echoed(connection, b"fast") == b"fast"
        assert time.monotonic() - began < 0.15


def test_a_server_that_is_down_looks_like_one_that_resets(unused_port: int) -> None:
    with FaultProxy(unused_port) as proxy, pytest.raises(ConnectionResetError), _connected(proxy) as connection:
        connection.recv(10)


def test_closed_connections_are_not_counted(proxy: FaultProxy) -> None:
    with _connected(proxy) as connection:
        assert _echoed(connection, b"x") == b"x"
        assert proxy.open_connections == 1
    until(lambda: proxy.open_connections == 0, 5, "the proxy has seen the end")


@pytest.fixture
def unused_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_is_sent_on_a_mute_line_arrives_and_its_answer_does_not(proxy: FaultProxy, heard: list[bytes]) -> None:
    with _connected(proxy, 0.3) as connection:
        assert _echoed(connection, b"one") == b"one"
        proxy.set("mute")
        connection.sendall(b"two")
        until(lambda: b"".join(heard) == b"onetwo", 5, "the server has heard it")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        proxy.set("pass")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with _connected(proxy) as connection:
        assert _echoed(connection, b"three") == b"three"


def test_a_connection_that_lost_nothing_outlives_a_mute_line(proxy: FaultProxy) -> None:
    with _connected(proxy) as connection:
        assert _echoed(connection, b"one") == b"one"
        proxy.set("mute")
        proxy.set("pass")
        assert _echoed(connection, b"two") == b"two"
