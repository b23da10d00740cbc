"""The RTSP server's process: run by Debian's own python3, which has GStreamer's bindings; imports nothing of ours.

Reads one JSON object from stdin: {"port": int, "address": str, "streams": {path: {"clip", "loop"}}, "users": {name:
password}, "closed": [paths that need a user]}. Tells on stdout, one JSON object a line: {"ready": port}, and for every
run of a clip {"path", "run", "at"}: the Unix time at which the picture of presentation time 0 left.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402, F401 - GstApp gives appsink its methods

TAIL_S = 0.2
USER, ANYBODY = "user", "anybody"


def tell(**facts: object) -> None:
    """One line to whoever started us."""
    print(json.dumps(facts), flush=True)  # noqa: T201 - the protocol


class Clip:
    """Access units of a clip in memory, with their times in ns, and what codec they are of."""

    def __init__(self, path: str) -> None:
        self.codec = self._codec_of(path)
        pipeline = Gst.parse_launch(
            f'filesrc location="{path}" ! parsebin ! {self.codec}parse config-interval=-1 !'
            f" video/x-{self.codec},stream-format=byte-stream,alignment=au ! appsink name=out sync=false"
        )
        sink = pipeline.get_by_name("out")
        pipeline.set_state(Gst.State.PLAYING)
        self.units: list[tuple[int, int, bytes]] = []
        while (sample := sink.emit("pull-sample")) is not None:
            buffer = sample.get_buffer()
            pts = buffer.pts
            dts = pts if buffer.dts == Gst.CLOCK_TIME_NONE else buffer.dts
            self.units.append((pts, dts, buffer.extract_dup(0, buffer.get_size())))
        pipeline.set_state(Gst.State.NULL)
        first = min(pts for pts, _, _ in self.units)
        self.units = [(pts - first, dts - first, data) for pts, dts, data in self.units]
        ends = sorted(pts for pts, _, _ in self.units)
        self.length_ns = ends[-1] + (ends[1] - ends[0] if len(ends) > 1 else Gst.SECOND // 15)

    @staticmethod
    def _codec_of(path: str) -> str:
        with open(path, "rb") as file:  # noqa: PTH123 - one line of a script without imports of ours
            head = file.read()
        return "h265" if b"hvcC" in head or b"hev1" in head else "h264"


class Player:
    """Plays a clip into one media, at the clip's own speed, as a camera would: nobody can make it faster."""

    def __init__(self, path: str, clip: Clip, source: Any, *, loop: bool) -> None:
        self._path, self._clip, self._source, self._loop = path, clip, source, loop
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self) -> None:
        run, begin_ns = 0, None
        while True:
            clock = self._source.get_clock()
            if clock is None:
                time.sleep(0.005)
                continue
            now_ns = clock.get_time() - self._source.get_base_time()
            begin_ns = now_ns if begin_ns is None else begin_ns + self._clip.length_ns
            tell(path=self._path, run=run, at=time.time() + (begin_ns - now_ns) / 1e9)
            if not self._push_all(clock, begin_ns):
                return
            run += 1
            if not self._loop:
                time.sleep(TAIL_S)
                self._source.emit("end-of-stream")
                return

    def _push_all(self, clock: Any, begin_ns: int) -> bool:
        for pts, dts, data in self._clip.units:
            wait_ns = begin_ns + dts - (clock.get_time() - self._source.get_base_time())
            if wait_ns > 0:
                time.sleep(wait_ns / 1e9)
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts, buffer.dts = begin_ns + pts, Gst.CLOCK_TIME_NONE
            if self._source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return False
        return True


def factory_of(path: str, clip: Clip, *, loop: bool, closed: bool) -> Any:
    """A media factory that starts the clip from its beginning when the first client comes."""
    factory = GstRtspServer.RTSPMediaFactory()
    payloader = f"rtp{clip.codec}pay name=pay0 pt=96 config-interval=1"
    caps = f"video/x-{clip.codec},stream-format=byte-stream,alignment=au"
    factory.set_launch(f"( appsrc name=src is-live=true format=time caps={caps} ! {clip.codec}parse ! {payloader} )")
    factory.set_shared(True)

    def configured(_: Any, media: Any) -> None:
        source = media.get_element().get_by_name("src")
        Player(path, clip, source, loop=loop)

    factory.connect("media-configure", configured)
    permissions = GstRtspServer.RTSPPermissions()
    for role in (USER, ANYBODY):
        permissions.add_role(role)
        permissions.add_permission_for_role(role, "media.factory.access", True)
        # Without "access" the answer is 404, without "construct" it is the 401 of a real camera.
        permissions.add_permission_for_role(role, "media.factory.construct", role == USER or not closed)
    factory.set_permissions(permissions)
    return factory


def authentication(users: dict[str, str]) -> Any:
    """Basic authentication; a path without permissions stays open to everybody."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_default_token(_token(ANYBODY))
    for name, password in users.items():
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), _token(USER))
    return auth


def _token(role: str) -> Any:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    return token


def main() -> None:
    """Serve until killed."""
    wanted = json.load(sys.stdin)
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(wanted.get("address", "127.0.0.1"))
    server.set_service(str(wanted["port"]))
    if wanted["users"]:
        server.set_auth(authentication(wanted["users"]))
    mounts = server.get_mount_points()
    for path, stream in wanted["streams"].items():
        factory = factory_of(path, Clip(stream["clip"]), loop=stream["loop"], closed=path in wanted["closed"])
        mounts.add_factory(path, factory)
    if not server.attach(None):
        sys.exit(f"port {wanted['port']} is busy")
    tell(ready=server.get_bound_port())
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
