"""Camera: what a person writes of one camera."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from alpr_schemas.resources.meta import (
    API_VERSION,
    NAMED,
    Conditions,
    Count,
    Labels,
    Metadata,
    Model,
    Name,
    NodeName,
    Share,
)
from alpr_schemas.resources.rules import Rule, immutable, matching, no_credentials, one_of_schemes

Point = tuple[Share, Share]
Country = Annotated[str, Field(max_length=16), matching("[A-Z]{2}", "give a country as two capital letters, like DE")]


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
    expected = " or ".join(f"{scheme}://" for scheme in allowed)
    return one_of_schemes(
        allowed,
        f"protocol {protocol.value} needs an address that begins with {expected}",
        f"self.protocol == '{protocol.value}'",
        lambda source: source.protocol is protocol,
    )


class SecretRef(Model):
    """Names a Secret of the same namespace with the keys `username` and `password`.

    Attributes:
        name: the Secret's name.
    """

    name: Name


class Source(Model):
    """Where the pictures come from.

    Attributes:
        protocol: one of rtsp, onvif, usb and file; the address fits it.
        url: rtsp://host/path, http://host/onvif/device_service, usb:///dev/video0, file:///folder/clip.mp4; it never
            holds a user or a password.
        credentials_secret_ref: the Secret with the camera's user and password, where it asks for them.
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

    rules: ClassVar = (
        no_credentials("no user or password here; a Secret named in credentialsSecretRef holds them"),
        *(_scheme_rule(protocol) for protocol in _SCHEMES),
        Rule(
            "self.protocol == 'file' || !has(self.loop) || !self.loop",
            "only a source of protocol file starts again at its end; remove loop",
            lambda source: source.protocol is Protocol.FILE or not source.loop,
            "loop",
        ),
        Rule(
            "self.protocol == 'file' || !has(self.realtime) || !self.realtime",
            "only a source of protocol file has a speed of its own; remove realtime",
            lambda source: source.protocol is Protocol.FILE or not source.realtime,
            "realtime",
        ),
    )


class Stream(Model):
    """What the stream is expected to be; measured values win over it.

    Attributes:
        codec: one of h264 and h265.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        fps: frames a second.
    """

    codec: Literal["h264", "h265"] | None = None
    width: int | None = Field(default=None, ge=16, le=16384)
    height: int | None = Field(default=None, ge=16, le=16384)
    fps: float | None = Field(default=None, gt=0, le=240)


class Zone(Model):
    """A polygon in shares of the frame's width and height.

    Attributes:
        points: its corners in order, each [x, y] from [0, 0] at the top left to [1, 1] at the bottom right.
    """

    points: tuple[Point, ...] = Field(min_length=3, max_length=16)


class Analytics(Model):
    """What counts in the picture.

    Attributes:
        lane: what people call the lane; it goes into every event.
        direction: whose plates count: vehicles that come towards the camera, that drive away, or both.
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
    """Where the camera must be served; one of the two.

    Attributes:
        node_name: the one node that may serve it.
        node_selector: labels of the nodes that may serve it.
    """

    node_name: NodeName | None = None
    node_selector: Labels | None = None

    rules: ClassVar = (
        Rule(
            "!(has(self.nodeName) && has(self.nodeSelector))",
            "give nodeName or nodeSelector, not both",
            lambda placement: placement.node_name is None or placement.node_selector is None,
        ),
    )


class SiteRef(Model):
    """Names the AlprSite of the same namespace.

    Attributes:
        name: the AlprSite's name; it cannot change.
    """

    name: Name

    transitions: ClassVar = (immutable("name", "name", "a camera stays at its site; delete it and make another"),)


class CameraSpec(Model):
    """What a person wants of a camera.

    Attributes:
        site_ref: the site that it belongs to.
        enabled: false takes it off its node, and keeps it here.
        display_name: what people call it.
        priority: who gets a place first where capacity is short: 1000 before 0.
        source: where its pictures come from.
        stream: what its stream is expected to be.
        analytics: what counts in its picture.
        placement: where it must be served; left out, anywhere in its site.
        cost_units: capacity units that it takes; left out, reckoned from its stream.
        deletion_policy: Drain waits until its node has let go, for two minutes at most; Immediate does not.
    """

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
    """What is so; it holds no number that ticks.

    Attributes:
        observed_generation: the generation of the spec that the rest was found for.
        node_name: the node that serves it.
        epoch: rises each time that it moves between nodes.
        cost_units: capacity units that it takes.
        conditions: Assigned, Streaming, CredentialsValid and Ready.
    """

    observed_generation: int | None = None
    node_name: str | None = Field(default=None, max_length=253)
    epoch: Count | None = None
    cost_units: Count | None = None
    conditions: Conditions = ()


class Camera(Model):
    """A camera: where its pictures come from, what counts in them, and who serves it."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["Camera"] = "Camera"
    metadata: Metadata
    spec: CameraSpec
    status: CameraStatus | None = None

    rules: ClassVar = (NAMED,)
