"""Wait until servers answer: so that jobs and services start in any order."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence

from alpr_setup.errors import SetupError

_TRY_S, _EVERY_S = 3.0, 1.0


def wait_for(places: Sequence[tuple[str, int]], within_s: float, say: Callable[[str], None]) -> None:
    """Return once every host:port takes a connection. Raises SetupError that names who does not."""
    until = time.monotonic() + within_s
    left = list(places)
    while left:
        left = [place for place in left if not answers(*place)]
        if left and time.monotonic() > until:
            named = ", ".join(f"{host}:{port}" for host, port in left)
            raise SetupError(f"no connection to {named} within {within_s:g} s; is it running, may we reach it?")
        if left:
            say(f"waiting for {', '.join(f'{host}:{port}' for host, port in left)} …")
            time.sleep(_EVERY_S)


def answers(host: str, port: int) -> bool:
    """Whether a TCP connection is taken."""
    try:
        socket.create_connection((host, port), _TRY_S).close()
    except OSError:
        return False
    return True
