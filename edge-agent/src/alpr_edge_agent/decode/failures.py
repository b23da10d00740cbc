"""FFmpeg's errors in our words: what is wrong and what to do, and never the address, which may hold a password."""

from __future__ import annotations

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


@contextmanager
def translated(settings: DecodeSettings, target: Target) -> Iterator[None]:
    """Turn what FFmpeg raises inside into SourceUnavailable or SourceRefused."""
    try:
        yield
    except (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError):
        raise SourceRefused(
            "the camera refuses user or password (401); correct the Secret that credentialsSecretRef names"
        ) from None
    except (av.error.ExitError, av.error.TimeoutError):
        raise SourceUnavailable(
            f"no answer within {settings.open_timeout_s:g} s to open, or {settings.read_timeout_s:g} s between"
            " pictures; check address, cable and firewall"
        ) from None
    except av.error.InvalidDataError:
        raise SourceUnavailable(_NO_RTSP if target.live and not target.device else _NO_VIDEO) from None
    except (av.error.FFmpegError, OSError, ValueError) as e:
        raise SourceUnavailable(_reason(e)) from None


def _reason(error: Exception) -> str:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    detail = getattr(error, "strerror", None) or type(error).__name__
    return f"FFmpeg cannot read it: {detail}; check source.url"
