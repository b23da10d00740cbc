"""Ports for tests."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lasting_port() -> int:
    """A TCP port of 127.0.0.1 for a server that will be stopped and started again on it; nobody listens on it now.

    It lies below those that Linux gives to clients (32768 and up): a client that keeps asking for a stopped server's
    port would else be given that very port some day, and be connected to itself.
    """
    for _ in range(1000):
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no TCP port from 20000 to 32000 is free on 127.0.0.1")
