"""What every decoder of the seam does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from alpr_edge_agent.decode import Decoder, DecodeSettings, Hooks, Target, open_decoder
from alpr_edge_agent.errors import BackendUnavailable, SourceUnavailable
from alpr_testing import coloured

NO_HOOKS = Hooks()


def opened(path: Path, hooks: Hooks = NO_HOOKS) -> Decoder:
    return open_decoder(DecodeSettings(), Target(str(path), live=False), hooks)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_every_frame_comes_in_order_with_its_time(tmp_path: Path, codec: str) -> None:
    decoder = opened(coloured.write_clip(tmp_path / "c.mp4", [], frames=20, codec=codec))
    decoded = list(decoder)
    assert [coloured.number_of(d.picture.luma(1)) for d in decoded] == list(range(20))
    assert [d.pts_s - decoded[0].pts_s for d in decoded] == pytest.approx([n / 15 for n in range(20)], abs=1e-3)
    decoder.close()


def test_stream_describes_itself(clip: Path) -> None:
    stream = opened(clip).stream
    assert (stream.codec, stream.width, stream.height, stream.fps) == ("h264", 640, 360, 15.0)


def test_luma_is_the_grey_of_the_picture(clip: Path) -> None:
    picture = next(iter(opened(clip))).picture
    assert picture.luma(4).shape == (90, 160)
    bgr = picture.bgr()
    assert bgr.shape == (360, 640, 3)
    assert bgr.dtype == np.uint8
    assert abs(float(bgr[100, 100].mean()) - 70) < 4
    full_range = (float(picture.luma(1)[100, 100]) - 16) * 255 / 219  # video luma runs from 16 to 235
    assert abs(full_range - 70) < 4


def test_packed_formats_have_luma_too() -> None:
    from alpr_edge_agent.decode.pyav import PyAvPicture

    grey = np.full((48, 64, 3), 99, np.uint8)
    for kind in ("rgb24", "yuyv422", "bgra", "yuv420p10le"):
        frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=kind)
        luma = PyAvPicture(frame, None).luma(2)
        assert luma.shape == (24, 32)
        assert 85 < float(luma.mean()) < 115


def test_turned_clips_stand_upright() -> None:
    import cv2

    from alpr_edge_agent.decode.pyav import PyAvPicture

    frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
    picture = PyAvPicture(frame, cv2.ROTATE_90_CLOCKWISE)
    assert (picture.width, picture.height, picture.bgr().shape, picture.luma(2).shape) == (
        48,
        64,
        (64, 48, 3),
        (32, 24),
    )


def test_guard_surrounds_native_calls(clip: Path) -> None:
    entered = []

    @contextmanager
    def guard() -> Iterator[None]:
        entered.append(1)
        yield

    assert len(list(opened(clip, Hooks(guard=guard)))) == 60
    assert len(entered) > 60


def test_arrivals_are_told_before_pictures(clip: Path) -> None:
    told: list[float] = []
    for decoded in opened(clip, Hooks(arrived=lambda pts_s, _: told.append(pts_s))):
        assert max(told) >= decoded.pts_s


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "corrupt"), (b"no video at all" * 100, "no video"), (None, "no such file")],
)
def test_unreadable_file_says_why_and_not_where(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "secret-name.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceUnavailable, match=says) as caught:
        opened(path)
    assert "secret-name" not in str(caught.value)


def test_corrupt_pictures_are_said_not_shown(tmp_path: Path, clip: Path) -> None:
    data = bytearray(clip.read_bytes())
    at = data.index(b"mdat") + 4
    rng = np.random.default_rng(1)
    data[at:-4000] = rng.integers(0, 256, len(data) - 4000 - at, dtype=np.uint8).tobytes()
    path = tmp_path / "corrupt.mp4"
    path.write_bytes(bytes(data))
    with pytest.raises(SourceUnavailable, match="corrupt"):
        list(opened(path))


def test_audio_alone_is_no_source(tmp_path: Path) -> None:
    path = tmp_path / "audio.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(SourceUnavailable, match="no video"):
        opened(path)


@pytest.mark.parametrize("backend", ["pynvvideocodec", "gstreamer"])
def test_absent_backends_are_refused_by_name(clip: Path, backend: str) -> None:
    with pytest.raises(BackendUnavailable, match=f"{backend}.*choose pyav"):
        open_decoder(DecodeSettings.model_validate({"backend": backend}), Target(str(clip), live=False))


def test_password_is_in_no_repr() -> None:
    assert "hunter2" not in repr(Target("rtsp://u:hunter2@h/x", live=True))
