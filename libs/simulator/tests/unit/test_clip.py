"""Clips on disk, and the commands around them."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from alpr_simulator import demo
from alpr_simulator.clip import render, truth_path
from alpr_simulator.commands import simulate
from alpr_simulator.compression import through_h264
from alpr_simulator.pseudo import pseudo_pass
from alpr_simulator.scene import Scene, Simulation
from alpr_simulator.truth import read_truth

TINY = Scene(seed=2, seconds=1, fps=10, width=320, height=180, occupancy=0.6, vehicles=1)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_clip_holds_the_frames_and_its_truth_lies_beside_it(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "clip.mp4"
    truth = render(TINY, path, codec=codec)  # type: ignore[arg-type]
    assert read_truth(truth_path(path)) == truth == Simulation(TINY).truth
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == {"h264": "h264", "h265": "hevc"}[codec]
        assert sum(1 for _ in container.decode(stream)) == truth.frames == 10
    assert sorted(file.name for file in tmp_path.iterdir()) == ["clip.mp4", "clip.truth.json"]


def test_a_render_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Simulation) -> None:
        raise RuntimeError("no light")

    monkeypatch.setattr(Simulation, "frames", broken)
    with pytest.raises(RuntimeError, match="no light"):
        render(TINY, tmp_path / "clip.mp4")
    assert not list(tmp_path.iterdir())


def test_the_demo_clip_is_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DEMO", TINY)
    first = demo.ensure_demo_clip(tmp_path / "clips")
    written = first.stat().st_mtime_ns
    assert demo.ensure_demo_clip(tmp_path / "clips") == first
    assert first.stat().st_mtime_ns == written


def test_a_demo_of_another_content_is_rendered_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DEMO", TINY)
    first = demo.ensure_demo_clip(tmp_path)
    monkeypatch.setattr(demo, "DEMO", replace(TINY, seed=3))
    second = demo.ensure_demo_clip(tmp_path)
    assert first != second
    assert read_truth(truth_path(second)).seed == 3


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    steps: list[int] = []
    truth = render(TINY, tmp_path / "clip.mp4", progress=steps.append)
    assert sum(steps) == truth.frames


def test_the_command_writes_clip_and_truth(tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    arguments = ["--seed", "4", "--seconds", "1", "--fps", "5", "--size", "320x180", "--occupancy", "0.4", str(out)]
    result = CliRunner().invoke(simulate, arguments)
    assert result.exit_code == 0, result.output
    assert "5 frames" in result.output
    assert read_truth(truth_path(out)).seed == 4


@pytest.mark.parametrize("size", ["320", "321x180", "0x0", "widexhigh"])
def test_a_size_that_no_encoder_takes_is_refused(tmp_path: Path, size: str) -> None:
    result = CliRunner().invoke(simulate, ["--size", size, str(tmp_path / "a.mp4")])
    assert result.exit_code == 2
    assert "--size" in result.output


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(simulate, [str(tmp_path / "nowhere" / "a.mp4")])
    assert result.exit_code == 2
    assert "no such folder" in result.output


def photo() -> np.ndarray:
    image = np.random.default_rng(3).integers(60, 90, (240, 320, 3)).astype(np.uint8)
    image[100:120, 130:190] = 250
    return image


def test_a_pseudo_pass_grows_to_the_photo_and_follows_the_plate() -> None:
    made = pseudo_pass(photo(), (130, 100, 190, 120), seed=1)
    assert len(made.frames) == len(made.boxes) == 15
    widths = [box[2] - box[0] for box in made.boxes]
    assert widths == sorted(widths)
    assert widths[0] == pytest.approx(30, abs=1)
    for frame, (x1, y1, x2, y2) in zip(made.frames, made.boxes, strict=True):
        inside = frame[round(y1) + 3 : round(y2) - 3, round(x1) + 3 : round(x2) - 3]
        assert inside.mean() > 140
        assert frame.shape == (240, 320, 3)


def test_pseudo_passes_repeat_by_seed() -> None:
    one, same = (pseudo_pass(photo(), (130, 100, 190, 120), seed=1) for _ in range(2))
    other = pseudo_pass(photo(), (130, 100, 190, 120), seed=2)
    assert all(np.array_equal(a, b) for a, b in zip(one.frames, same.frames, strict=True))
    assert one.boxes == same.boxes != other.boxes


def test_large_photos_are_shrunk() -> None:
    large = np.zeros((1200, 2000, 3), np.uint8)
    assert pseudo_pass(large, (10, 10, 100, 40), seed=1, seconds=0.3).frames[0].shape == (768, 1280, 3)


def test_compression_keeps_number_and_size_and_loses_detail() -> None:
    noise = [np.random.default_rng(i).integers(0, 255, (90, 160, 3)).astype(np.uint8) for i in range(5)]
    out = list(through_h264(noise, 10, bits_per_pixel=0.05))
    assert [image.shape for image in out] == [(90, 160, 3)] * 5
    assert out[4].std() < noise[4].std()


def test_no_frames_compress_to_none() -> None:
    assert list(through_h264([], 10)) == []
