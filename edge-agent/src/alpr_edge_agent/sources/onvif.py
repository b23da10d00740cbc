"""ONVIF: asks a camera for the address of its stream (profile S: device and media service over SOAP 1.2).

Passwords go as digests (WS-Security UsernameToken Profile 1.1, §3.1), dated by the camera's clock.
"""

from __future__ import annotations

import base64
import hashlib
import os
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from alpr_edge_agent.errors import SourceRefused, SourceUnavailable
from alpr_edge_agent.sources import Login

TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 1_000_000
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_NS = {"tds": _DEVICE, "trt": _MEDIA, "tt": _SCHEMA, "s": _SOAP}
_REFUSED = "the camera refuses user or password (ONVIF); correct the Secret that credentialsSecretRef names"


def stream_address(url: str, login: Login | None) -> str:
    """The RTSP address of the first profile of the camera whose device service is at `url`. Blocks.

    Raises:
        SourceRefused: user or password are wrong.
        SourceUnavailable: no answer, or none that makes sense.
    """
    camera = _Camera(_service_url(url), login)
    camera.learn_clock()
    media = camera.media_service()
    token = camera.first_profile(media)
    return _checked(camera.stream_uri(media, token), url)


@dataclass(slots=True)
class _Camera:
    device: str
    login: Login | None
    ahead: timedelta = timedelta()

    def learn_clock(self) -> None:
        """Digests are refused when they look old: the camera's clock counts, and it answers that without a login."""
        answer = _call(self.device, f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>', "")
        date = answer.find(".//tt:UTCDateTime", _NS)
        if date is not None:
            text = " ".join(date.findtext(f"./tt:{name}", "0", _NS) for name in _CLOCK)
            with suppress(ValueError):  # a clock that was never set: ours will do
                self.ahead = datetime.strptime(text, "%Y %m %d %H %M %S").replace(tzinfo=UTC) - datetime.now(UTC)

    def media_service(self) -> str:
        answer = self._ask(
            self.device, f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category></GetCapabilities>'
        )
        address = answer.findtext(".//tt:Media/tt:XAddr", "", _NS).strip()
        if urlsplit(address).scheme not in {"http", "https"}:
            raise SourceUnavailable("the camera names no media service; give its RTSP address with protocol rtsp")
        return urlsplit(address)._replace(netloc=urlsplit(self.device).netloc).geturl()

    def first_profile(self, media: str) -> str:
        profile = self._ask(media, f'<GetProfiles xmlns="{_MEDIA}"/>').find(".//trt:Profiles", _NS)
        if profile is None or not profile.get("token"):
            raise SourceUnavailable("the camera has no media profile; make one in its own settings")
        return str(profile.get("token"))

    def stream_uri(self, media: str, token: str) -> str:
        body = (
            f'<GetStreamUri xmlns="{_MEDIA}"><StreamSetup><Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream>'
            f'<Transport xmlns="{_SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
            f"<ProfileToken>{escape(token)}</ProfileToken></GetStreamUri>"
        )
        return self._ask(media, body).findtext(".//tt:Uri", "", _NS).strip()

    def _ask(self, url: str, body: str) -> ET.Element:
        header = _security(self.login, datetime.now(UTC) + self.ahead) if self.login else ""
        return _call(url, body, header)


_CLOCK = ("Date/tt:Year", "Date/tt:Month", "Date/tt:Day", "Time/tt:Hour", "Time/tt:Minute", "Time/tt:Second")


def _security(login: Login, now: datetime) -> str:
    nonce, created = os.urandom(16), now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    digest = hashlib.sha1(nonce + created.encode() + login.password.encode()).digest()  # noqa: S324 - the profile's
    return (
        f'<Security xmlns="{_WSSE}" s:mustUnderstand="1"><UsernameToken><Username>{escape(login.username)}</Username>'
        f'<Password Type="{_DIGEST}">{base64.b64encode(digest).decode()}</Password>'
        f'<Nonce>{base64.b64encode(nonce).decode()}</Nonce><Created xmlns="{_WSU}">{created}</Created>'
        "</UsernameToken></Security>"
    )


def _call(url: str, body: str, header: str) -> ET.Element:
    envelope = f'<s:Envelope xmlns:s="{_SOAP}"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
    request = urllib.request.Request(  # noqa: S310 - http and https only, checked by `_service_url`
        url, envelope.encode(), {"Content-Type": "application/soap+xml; charset=utf-8"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return _parsed(answer.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as e:
        with e:
            raise _refusal(e.code, e.read(MAX_ANSWER_BYTES)) from None
    except (OSError, ValueError):
        raise SourceUnavailable(
            f"no ONVIF answer within {TIMEOUT_S:g} s; check host and port in source.url, and that ONVIF is switched on"
        ) from None


def _refusal(code: int, answer: bytes) -> SourceUnavailable:
    if code in {401, 403} or b"NotAuthorized" in answer or b"FailedAuthentication" in answer:
        return SourceRefused(_REFUSED)
    return SourceUnavailable(f"the camera's ONVIF service answers with HTTP {code}; check the path in source.url")


def _parsed(data: bytes) -> ET.Element:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise SourceUnavailable("the camera's ONVIF answer declares entities; that is no SOAP, it is refused")
    try:
        return ET.fromstring(data)  # noqa: S314 - bounded, and without declarations it cannot expand
    except ET.ParseError:
        raise SourceUnavailable("the camera's answer is no SOAP; check the path in source.url") from None


def _service_url(url: str) -> str:
    parts = urlsplit(url)
    scheme = "http" if parts.scheme == "onvif" else parts.scheme
    if scheme not in {"http", "https"} or not parts.hostname:
        raise SourceUnavailable("source.url is no ONVIF address; write it as http://host/onvif/device_service")
    return parts._replace(
        scheme=scheme, path=parts.path if parts.path not in {"", "/"} else "/onvif/device_service"
    ).geturl()


def _checked(address: str, device: str) -> str:
    """Some cameras answer with no host, or with the wildcard; the one that answered is meant."""
    parts = urlsplit(address)
    if parts.scheme not in {"rtsp", "rtsps"}:
        raise SourceUnavailable("the camera names no RTSP address; give it with protocol rtsp")
    port = f":{parts.port}" if parts.port else ""
    host = parts.hostname if parts.hostname not in {None, "0.0.0.0", "::"} else urlsplit(device).hostname  # noqa: S104
    host = f"[{host}]" if host and ":" in host else host
    return parts._replace(netloc=f"{host}{port}").geturl()
