"""FFmpeg's errors in our words: what is wrong and what to do, and never the address, which may hold a password."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import av

from alpr_edge_agent.decode import DecodeSettings, Target
from alpr_edge_agent.errors import SourceRefused, SourceUnavailable

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (av.error.HTTPNotFoundError, "the camera has no stream of that name (404); correct the path in source.url"),
    (
        av.error.ConnectionRefusedError,
        "nobody listens there; check host and port in source.url, and the camera",
    ),
    (av.error.FileNotFoundError, "there is no such file or device; correct source.url, or plug the device in"),
    (av.error.PermissionError, "this user may not open it; give the user read access (for USB: the group video)"),
    (av.error.ProtocolNotFoundError, "this kind of address is unknown; use rtsp://, usb:// or file:// in source.url"),
    (av.error.EOFError, "it is empty or cut off; replace it"),
    (av.error.IsADirectoryError, "it is a folder where a file is needed; correct source.url"),
    (av.error.HTTPServerError, "the camera answered with an error of its own (5xx); look into the camera's log"),
    (av.error.BrokenPipeError, "the camera closed the connection"),
    (av.error.ConnectionResetError, "the camera closed the connection"),
)


_NO_VIDEO = "it is no video, or its first bytes are corrupt; play it elsewhere, then replace it"
_NO_RTSP = "what answers there speaks no RTSP, or breaks off; check host and port in source.url"


class Stopwatch:
    """How long the other side has been silent: FFmpeg's RTSP calls many a time-out "invalid data"."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self.restart()

    def restart(self) -> None:
        """Something came."""
        self._began_s = time.monotonic()

    @property
    def ran_out(self) -> bool:
        """Whether the silence explains the error."""
        return time.monotonic() - self._began_s >= 0.9 * self._limit_s


@contextmanager
def translated(settings: DecodeSettings, target: Target) -> Iterator[Stopwatch]:
    """Turn what FFmpeg raises inside into SourceUnavailable or SourceRefused."""
    watch = Stopwatch(min(settings.open_timeout_s, settings.read_timeout_s))
    try:
        yield watch
    except (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError):
        raise SourceRefused(
            "the camera refuses user or password (401); correct the Secret that credentialsSecretRef names"
        ) from None
    except (av.error.ExitError, av.error.TimeoutError):
        raise SourceUnavailable(_silence(settings)) from None
    except av.error.InvalidDataError:
        network = target.live and not target.device
        reason = _silence(settings) if network and watch.ran_out else _NO_RTSP if network else _NO_VIDEO
        raise SourceUnavailable(reason) from None
    except (av.error.FFmpegError, OSError, ValueError) as e:
        raise SourceUnavailable(_reason(e)) from None


def _silence(settings: DecodeSettings) -> str:
    return (
        f"no answer within {settings.open_timeout_s:g} s to open, or {settings.read_timeout_s:g} s between pictures;"
        " check address, cable and firewall"
    )


def _reason(error: Exception) -> str:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    detail = getattr(error, "strerror", None) or type(error).__name__
    return f"FFmpeg cannot read it: {detail}; check source.url"
