from __future__ import annotations

import itertools
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alpr_edge_agent.decode import DecodeSettings, open_decoder
from alpr_edge_agent.errors import SourceUnavailable
from alpr_edge_agent.sources import CameraFrame, Login, Source, Surroundings, open_source
from alpr_edge_agent.sources.clip_times import ClipTimes, content_digest
from alpr_edge_agent.sources.live import rtsp_target, usb_target
from alpr_schemas.resources import AssignedCamera
from alpr_testing import coloured


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(
        camera="cam",
        boot_id="boot",
        decode=DecodeSettings(),
        open_decoder=open_decoder,
        clip_times=ClipTimes(tmp_path / "clips.json"),
        stop=threading.Event(),
        guard=nullcontext,
    )


def source(around: Surroundings, **fields: Any) -> Source:
    camera = AssignedCamera.model_validate({"name": "cam", "config": {"source": fields}})
    return open_source(camera, None, around)


def file_source(around: Surroundings, path: Path, **more: Any) -> Source:
    return source(around, protocol="file", url=path.as_uri(), **more)


def frames_of(one: Source) -> list[CameraFrame]:
    found = []
    while (feed := one.open()) is not None:
        found += list(feed)
        feed.close()
    return found


def test_clip_gives_the_same_times_and_epoch_at_every_reading_and_for_every_copy(
    around: Surroundings, clip: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    first = [frame.info for frame in frames_of(file_source(around, clip))]
    second = [frame.info for frame in frames_of(file_source(around, copy))]
    assert first == second
    assert first[0].epoch == content_digest(clip)
    assert [info.number for info in first] == list(range(60))
    gaps = [(b.captured_at - a.captured_at).total_seconds() for a, b in itertools.pairwise(first)]
    assert gaps == pytest.approx([1 / 15] * 59, abs=1e-4)


def test_clip_without_a_date_begins_at_its_first_mtime(around: Surroundings, clip: Path) -> None:
    frame = frames_of(file_source(around, clip))[0]
    assert abs(frame.info.captured_at.timestamp() - clip.stat().st_mtime) < 0.001


def test_looped_clip_has_an_epoch_a_run_and_the_wall_clock(around: Surroundings, tmp_path: Path) -> None:
    path = coloured.write_clip(tmp_path / "short.mp4", [], frames=6)
    looped = file_source(around, path, loop=True)
    assert looped.paced
    assert not looped.endless
    feeds = [looped.open() for _ in range(2)]
    assert feeds[0] is not None
    assert feeds[1] is not None
    assert feeds[0].epoch != feeds[1].epoch
    assert feeds[0].epoch.startswith(content_digest(path))
    before = datetime.now(UTC)
    infos = [frame.info for frame in feeds[1]]
    assert abs(infos[0].captured_at - before) < timedelta(seconds=1)
    assert datetime.now(UTC) - before > timedelta(seconds=0.3)  # six frames at fifteen a second


def test_photo_has_its_exif_time_and_its_digest(around: Surroundings, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0x9011: "+02:00"})
    Image.new("RGB", (64, 48), (10, 20, 30)).save(path, exif=exif)
    (frame,) = frames_of(file_source(around, path))
    assert frame.still
    assert frame.info.epoch == content_digest(path)
    assert frame.info.captured_at == datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC)
    assert (frame.picture.width, frame.picture.height, frame.picture.luma(2).shape) == (64, 48, (24, 32))


def test_folder_gives_each_file_a_feed_and_names_the_broken_ones(
    around: Surroundings, tmp_path: Path, clip: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(folder / "a.png")
    (folder / "b.jpg").write_bytes(b"")
    (folder / "c.mp4").write_bytes(clip.read_bytes())
    (folder / "notes.txt").write_text("no picture")
    one = file_source(around, folder)
    photo = one.open()
    assert photo is not None
    assert [frame.still for frame in photo] == [True]
    with pytest.raises(SourceUnavailable, match=r"b\.jpg.*empty"):
        one.open()
    video = one.open()
    assert video is not None
    assert len(list(video)) == 60
    assert one.open() is None


def test_folder_without_pictures_says_so(around: Surroundings, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="holds no pictures; put"):
        file_source(around, tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"rubbish" * 50])
def test_clip_that_cannot_be_read_says_so(around: Surroundings, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceUnavailable, match=r"replace it|correct source\.url"):
        file_source(around, path).open()


def test_login_goes_percent_encoded_to_the_decoder_alone() -> None:
    target = rtsp_target("rtsp://host:8554/live/1?x=2", Login("us er", "p@s:w/rd?#"), "udp")
    assert target.address == "rtsp://us%20er:p%40s%3Aw%2Frd%3F%23@host:8554/live/1?x=2"
    assert "p%40s" not in repr(target)
    assert "p@s" not in repr(Login("us er", "p@s"))


@pytest.mark.parametrize("url", ["rtsp:///nohost", "http://host/x", "rtsp:"])
def test_address_without_sense_is_refused(url: str) -> None:
    with pytest.raises(SourceUnavailable, match="rtsp://host"):
        rtsp_target(url, None, "tcp")


@pytest.mark.parametrize(
    ("url", "device"),
    [("usb:///dev/video2", "/dev/video2"), ("usb://1", "/dev/video1"), ("v4l2://video0", "/dev/video0")],
)
def test_usb_addresses(url: str, device: str) -> None:
    assert usb_target(url).address == device


def test_missing_usb_device_says_what_to_do(around: Surroundings) -> None:
    camera = source(around, protocol="usb", url="usb:///dev/video99")
    with pytest.raises(SourceUnavailable, match="plug the device in"):
        camera.open()
