"""A real RTSP server for tests: GStreamer's, from Debian, on loopback, playing clips as cameras would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alpr_testing.needs import missing

PYTHON = "/usr/bin/python3"
_ESTABLISHED = "01"  # in /proc/net/tcp
PACKAGES = (
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-ugly",
    "gstreamer1.0-plugins-bad",
)
_PROBE = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')\n"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None)\n"
    "names = ('parsebin', 'h264parse', 'h265parse', 'rtph264pay', 'qtdemux', 'appsrc')\n"
    "raise SystemExit(0 if all(Gst.ElementFactory.find(n) for n in names) else 1)"
)


@dataclass(frozen=True, slots=True)
class Stream:
    """A clip served as a camera; without `loop` the stream ends with the clip."""

    clip: Path
    loop: bool = True


def require_gstreamer() -> None:
    """Fail (under CI) or skip with the line that installs what is missing."""
    probe = [PYTHON, "-W", "ignore", "-c", _PROBE]
    if Path(PYTHON).exists() and subprocess.run(probe, check=False, capture_output=True).returncode == 0:
        return
    missing(f"the RTSP server is missing; run: apt-get install -y --no-install-recommends {' '.join(PACKAGES)}")


class RtspServer:
    """A running server; a context manager. Clips start from their beginning when the first client of a path comes."""

    def __init__(
        self,
        streams: Mapping[str, Stream],
        users: Mapping[str, str],
        closed: Sequence[str],
        port: int,
        address: str = "127.0.0.1",
    ) -> None:
        self.address = address
        self._wanted = {
            "address": address,
            "streams": {path: {"clip": str(s.clip), "loop": s.loop} for path, s in streams.items()},
            "users": dict(users),
            "closed": list(closed),
        }
        self.port = port
        self._starts: list[dict[str, Any]] = []
        self._told = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self.resume()

    @classmethod
    def start(
        cls,
        streams: Mapping[str, Stream],
        *,
        users: Mapping[str, str] = {},
        closed: Sequence[str] = (),
        port: int = 0,
        address: str = "127.0.0.1",
    ) -> RtspServer:
        """Serve `streams` (by path, as "/cam1"); the paths in `closed` need one of `users`. Blocks until it listens.

        `address` is one of this machine's, for the pods of a node of the tests: that of its pair of interfaces.
        """
        require_gstreamer()
        return cls(streams, users, closed, port, address)

    def url(self, path: str) -> str:
        """The address of `path`, without user and password."""
        return f"rtsp://{self.address}:{self.port}{path}"

    def runs(self, path: str) -> list[float]:
        """Unix times at which the clip of `path` began, one a run, over all restarts."""
        with self._told:
            return [float(start["at"]) for start in self._starts if start["path"] == path]

    @property
    def clients(self) -> int:
        """How many connections are open, of this machine's own namespace and of others."""
        ours = f":{self.port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[1].endswith(ours) and row[3] == _ESTABLISHED for row in rows)

    def kill(self) -> None:
        """SIGKILL: connections break without a word."""
        assert self._process is not None  # noqa: S101
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: connections stay, and nothing comes."""
        assert self._process is not None  # noqa: S101
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._process is not None  # noqa: S101
        self._process.send_signal(signal.SIGCONT)

    def resume(self) -> None:
        """Start again on the same port."""
        environment = {**os.environ, "GST_DEBUG": "0", "PYTHONWARNINGS": "ignore"}
        script = Path(__file__).with_name("rtsp_process.py")
        process = subprocess.Popen(
            [PYTHON, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdin is not None  # noqa: S101
        process.stdin.write(json.dumps({**self._wanted, "port": self.port}))
        process.stdin.close()
        self._process = process
        ready = threading.Event()
        threading.Thread(target=self._listen, args=(process, ready), daemon=True).start()
        if not ready.wait(30):
            self.kill()
            raise TimeoutError("the RTSP server did not say that it is ready within 30 s")

    def _listen(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None  # noqa: S101
        with process.stdout as lines:
            for line in lines:
                told = json.loads(line)
                if "ready" in told:
                    self.port = int(told["ready"])
                    ready.set()
                else:
                    with self._told:
                        self._starts.append(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()


def wait_until(true: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait for a condition; raises TimeoutError that names `what`."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.02)
