"""The look-up against a small camera that speaks SOAP and checks digests."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from alpr_edge_agent.errors import SourceRefused, SourceUnavailable
from alpr_edge_agent.sources import Login
from alpr_edge_agent.sources.onvif import stream_address

WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl">'
    "<s:Body>{}</s:Body></s:Envelope>"
)


@dataclass
class OnvifCamera:
    """What the little camera is like."""

    uri: str = "rtsp://192.0.2.7:554/profile1?a=1&amp;b=2"
    clock: timedelta = timedelta(hours=3)
    users: dict[str, str] = field(default_factory=lambda: {"admin": "p@ss&word"})
    answer: str | None = None
    url: str = ""
    nonces: set[str] = field(default_factory=set)

    def reply(self, body: bytes) -> tuple[int, str]:
        if self.answer is not None:
            return 200, self.answer
        root = ET.fromstring(body)  # noqa: S314 - our own request
        asked = root[1][0].tag.rpartition("}")[2]
        if asked == "GetSystemDateAndTime":
            now = datetime.now(UTC) + self.clock
            date = f"<tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
            time = f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second></tt:Time>"
            return 200, ENVELOPE.format(f"<tt:UTCDateTime>{time}{date}</tt:UTCDateTime>")
        if not self._knows(root):
            return 400, ENVELOPE.format("<s:Fault><s:Value>ter:NotAuthorized</s:Value></s:Fault>")
        return 200, ENVELOPE.format(self._facts(asked))

    def _facts(self, asked: str) -> str:
        return {
            "GetCapabilities": "<tt:Media><tt:XAddr>http://10.9.9.9/onvif/media</tt:XAddr></tt:Media>",
            "GetProfiles": '<trt:Profiles token="main&amp;1"/><trt:Profiles token="sub"/>',
            "GetStreamUri": f"<tt:Uri>{self.uri}</tt:Uri>",
        }[asked]

    def _knows(self, root: ET.Element) -> bool:
        token = root.find(f".//{WSSE}UsernameToken")
        if token is None:
            return not self.users
        user = str(token.findtext(f"{WSSE}Username"))
        nonce, created = str(token.findtext(f"{WSSE}Nonce")), str(token.findtext(f"{WSU}Created"))
        digest = hashlib.sha1(base64.b64decode(nonce) + created.encode() + self.users.get(user, "").encode())  # noqa: S324
        fresh = abs(datetime.fromisoformat(created) - datetime.now(UTC) - self.clock) < timedelta(seconds=10)
        used = nonce in self.nonces
        self.nonces.add(nonce)
        return fresh and not used and token.findtext(f"{WSSE}Password") == base64.b64encode(digest.digest()).decode()


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    one = OnvifCamera()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            code, text = one.reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        one.url = f"http://127.0.0.1:{server.server_address[1]}/onvif/device_service"
        yield one
        server.shutdown()
        thread.join()


def test_address_of_the_first_profile(camera: OnvifCamera) -> None:
    assert stream_address(camera.url, Login("admin", "p@ss&word")) == "rtsp://192.0.2.7:554/profile1?a=1&b=2"


def test_camera_without_users_needs_no_login(camera: OnvifCamera) -> None:
    camera.users = {}
    assert stream_address(camera.url, None).startswith("rtsp://192.0.2.7")


def test_wildcard_host_means_the_camera_itself(camera: OnvifCamera) -> None:
    camera.uri = "rtsp://0.0.0.0:8554/live"
    assert stream_address(camera.url, Login("admin", "p@ss&word")) == "rtsp://127.0.0.1:8554/live"


@pytest.mark.parametrize("login", [None, Login("admin", "wrong"), Login("nobody", "p@ss&word")])
def test_wrong_login_is_refused_without_naming_it(camera: OnvifCamera, login: Login | None) -> None:
    with pytest.raises(SourceRefused, match="correct the Secret") as caught:
        stream_address(camera.url, login)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("<html>hello", "no SOAP"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "entities"),
        (ENVELOPE.format("<tt:Media/>"), "no media service"),
    ],
)
def test_answers_without_sense_are_said(camera: OnvifCamera, answer: str, says: str) -> None:
    camera.answer = answer
    with pytest.raises(SourceUnavailable, match=says):
        stream_address(camera.url, Login("admin", "p@ss&word"))


def test_nobody_there_is_said() -> None:
    with pytest.raises(SourceUnavailable, match="no ONVIF answer"):
        stream_address("http://127.0.0.1:9/onvif/device_service", None)


def test_stream_that_is_no_rtsp_is_refused(camera: OnvifCamera) -> None:
    camera.uri = "http://192.0.2.7/video"
    with pytest.raises(SourceUnavailable, match="no RTSP address"):
        stream_address(camera.url, Login("admin", "p@ss&word"))
