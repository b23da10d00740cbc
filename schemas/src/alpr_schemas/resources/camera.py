"""Camera: what a person writes of one camera."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from alpr_schemas.resources.meta import API_VERSION, Condition, Labels, Metadata, Model, Name, NodeName, Share
from alpr_schemas.resources.rules import Matching, Rule

Point = tuple[Share, Share]
Country = Annotated[str, Matching(r"[A-Z]{2}", "give countries as two capital letters, like DE", 2)]


class Protocol(StrEnum):
    """How a camera's pictures come in."""

    RTSP = "rtsp"
    ONVIF = "onvif"
    USB = "usb"
    FILE = "file"


_SCHEMES: dict[Protocol, tuple[str, ...]] = {
    Protocol.RTSP: ("rtsp", "rtsps"),
    Protocol.ONVIF: ("http", "https", "onvif"),
    Protocol.USB: ("usb", "v4l2"),
    Protocol.FILE: ("file",),
}


def _scheme_rule(protocol: Protocol) -> Rule:
    allowed = _SCHEMES[protocol]
    fits = " || ".join(f"self.url.startsWith('{scheme}://')" for scheme in allowed)
    expected = " or ".join(f"{scheme}://" for scheme in allowed)
    return Rule(
        f"self.protocol != '{protocol.value}' || {fits}",
        f"url: protocol {protocol.value} needs an address that begins with {expected}",
        lambda source: source.protocol is not protocol or source.url.startswith(tuple(f"{s}://" for s in allowed)),
    )


class SecretRef(Model):
    """Names a Secret of the same namespace with the keys `username` and `password`."""

    name: Name


class Source(Model):
    """Where the pictures come from.

    Attributes:
        url: rtsp://host/path, http://host/onvif/device_service, usb:///dev/video0, file:///folder/clip.mp4; it never
            holds a user or a password.
        transport: RTSP over tcp or udp.
        loop: file only: start again at the end, as a camera would go on.
        realtime: file only: play at the clip's own speed and drop late frames, instead of reading every frame.
    """

    protocol: Protocol
    url: str = Field(min_length=1, max_length=512)
    credentials_secret_ref: SecretRef | None = None
    transport: Literal["tcp", "udp"] = "tcp"
    loop: bool = False
    realtime: bool = False

    RULES: ClassVar = (
        Rule(
            "!self.url.matches('^[^/?#]*//[^/?#]*@')",
            "url: no user or password here; a Secret named in credentialsSecretRef holds them",
            lambda source: "@" not in urlsplit(source.url).netloc,
        ),
        *(_scheme_rule(protocol) for protocol in _SCHEMES),
        Rule(
            "self.protocol == 'file' || !(self.loop || self.realtime)",
            "loop, realtime: only a source of protocol file can have them; remove them",
            lambda source: source.protocol is Protocol.FILE or not (source.loop or source.realtime),
        ),
    )


class Stream(Model):
    """What the stream is expected to be; measured values win over it."""

    codec: Literal["h264", "h265"] | None = None
    width: int | None = Field(default=None, ge=16, le=16384)
    height: int | None = Field(default=None, ge=16, le=16384)
    fps: float | None = Field(default=None, gt=0, le=240)


class Zone(Model):
    """A polygon in shares of the frame's width and height."""

    points: tuple[Point, ...] = Field(min_length=3, max_length=16)


class Analytics(Model):
    """What counts in the picture.

    Attributes:
        roi: plates count only inside one of these; none means everywhere.
        ignore: plates inside one of these never count.
        countries: ISO 3166 alpha-2 codes whose plates are expected.
        min_confidence: readings below it are not published.
        min_plate_width_px: narrower plates are followed but not read.
        frame_skip: frames left out after each one that is looked at.
    """

    lane: str | None = Field(default=None, max_length=50)
    direction: Literal["towards", "away", "both"] = "both"
    roi: tuple[Zone, ...] = Field(default=(), max_length=16)
    ignore: tuple[Zone, ...] = Field(default=(), max_length=16)
    countries: tuple[Country, ...] = Field(default=(), max_length=32)
    min_confidence: Share = 0.5
    min_plate_width_px: int = Field(default=30, ge=0, le=4096)
    frame_skip: int = Field(default=0, ge=0, le=240)


class Placement(Model):
    """Where the camera must be served; one of the two."""

    node_name: NodeName | None = None
    node_selector: Annotated[Labels, Field(max_length=16)] | None = None

    RULES: ClassVar = (
        Rule(
            "!(has(self.nodeName) && has(self.nodeSelector))",
            "placement: give nodeName or nodeSelector, not both",
            lambda placement: placement.node_name is None or placement.node_selector is None,
        ),
    )


class SiteRef(Model):
    """Names the AlprSite of the same namespace."""

    name: Name

    RULES: ClassVar = (
        Rule("self.name == oldSelf.name", "siteRef.name: a camera cannot change its site; delete it and make another"),
    )


class CameraSpec(Model):
    """What a person wants of a camera."""

    site_ref: SiteRef
    enabled: bool = True
    display_name: str | None = Field(default=None, max_length=100)
    priority: int = Field(default=100, ge=0, le=1000)
    source: Source
    stream: Stream = Stream()
    analytics: Analytics = Analytics()
    placement: Placement = Placement()
    cost_units: int | None = Field(default=None, ge=1, le=10000)
    deletion_policy: Literal["Immediate", "Drain"] = "Immediate"


class CameraStatus(Model):
    """What is so; it holds no number that ticks."""

    observed_generation: int | None = None
    node_name: str | None = None
    epoch: int | None = None
    cost_units: int | None = None
    conditions: tuple[Condition, ...] = Field(default=(), max_length=8)


class Camera(Model):
    """A camera."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["Camera"] = "Camera"
    metadata: Metadata
    spec: CameraSpec
    status: CameraStatus | None = None
