from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from alpr_edge_agent.errors import PhotoError
from alpr_edge_agent.photos import KEPT_PIXELS, load_photo, open_photo

ORIENTATION = 0x0112


def half_red() -> Image.Image:
    """40 x 20, the left half red and the right half blue."""
    image = Image.new("RGB", (40, 20), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, 20, 20))
    return image


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_pixels_are_blue_green_red(tmp_path: Path) -> None:
    pixels = load_photo(save(tmp_path / "a.png", half_red()))
    assert pixels.shape == (20, 40, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags["C_CONTIGUOUS"]
    assert pixels[10, 5].tolist() == [0, 0, 255]
    assert pixels[10, 35].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [(1, (40, 20), "left"), (3, (40, 20), "right"), (6, (20, 40), "top"), (8, (20, 40), "bottom")],
)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_a_turned_camera_is_turned_back(
    tmp_path: Path, suffix: str, orientation: int, size: tuple[int, int], red: str
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    photo = open_photo(save(tmp_path / f"a.{suffix}", half_red(), exif=exif))
    height, width = photo.image.shape[:2]
    assert (photo.width, photo.height) == (width, height) == size
    places = {"left": (height // 2, 3), "right": (height // 2, -3), "top": (3, width // 2), "bottom": (-3, width // 2)}
    blue, _, shown_red = photo.image[places[red]]
    assert shown_red > 180 > blue


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr"])
def test_other_kinds_of_color_become_bgr(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode in {"CMYK", "YCbCr"} else "png"
    pixels = load_photo(save(tmp_path / f"a.{suffix}", Image.new("RGB", (30, 10), "white").convert(mode)))
    assert pixels.shape == (10, 30, 3)
    assert pixels.min() >= 250


def test_cmyk_keeps_its_colors(tmp_path: Path) -> None:
    pixels = load_photo(save(tmp_path / "a.jpg", half_red().convert("CMYK")))
    blue, _, red = pixels[10, 5].tolist()
    assert red > 200
    assert blue < 60


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_transparency_lies_on_white(tmp_path: Path, suffix: str) -> None:
    pixels = load_photo(save(tmp_path / f"a.{suffix}", Image.new("RGBA", (30, 10), (0, 0, 0, 0))))
    assert pixels.shape == (10, 30, 3)
    assert pixels.min() >= 250


def test_grey_with_transparency(tmp_path: Path) -> None:
    assert load_photo(save(tmp_path / "a.png", Image.new("LA", (30, 10), (0, 255)))).max() == 0


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_become_eight(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(1, 256).repeat(4, axis=0)
    pixels = load_photo(save(tmp_path / f"a.{suffix}", Image.fromarray(ramp)))
    assert np.abs(pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_one_pixel_is_a_photo(tmp_path: Path) -> None:
    assert load_photo(save(tmp_path / "a.png", Image.new("RGB", (1, 1)))).shape == (1, 1, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_very_large_photo_is_read_smaller_and_says_its_size(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.new("L", (12_000, 9_000), 200))
    before = getrusage(RUSAGE_SELF).ru_maxrss
    photo = open_photo(path)
    assert (photo.width, photo.height) == (12_000, 9_000)
    assert photo.image.shape == (4_500, 6_000, 3)
    assert photo.image.shape[0] * photo.image.shape[1] <= KEPT_PIXELS
    assert photo.scale == 2
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 600_000  # kB: pixels in file and memory, never a bomb


def test_a_large_turned_photo_keeps_its_turn(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    photo = open_photo(save(tmp_path / "a.jpg", Image.new("L", (9_000, 6_000), 200), exif=exif))
    assert (photo.width, photo.height) == (6_000, 9_000)
    assert photo.image.shape == (4_500, 3_000, 3)


def test_a_picture_beyond_all_bounds_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = save(tmp_path / "bomb.png", half_red())
    content = bytearray(path.read_bytes())
    content[16:24] = (40_000).to_bytes(4, "big") * 2  # the size in the header, and the header's checksum
    content[29:33] = crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=r"bomb\.png: 40000x40000 pixels .* scale the picture down"):
        open_photo(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "bmp", "gif"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_cut_off_file_is_named_with_its_fix(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    path = save(tmp_path / f"cut.{suffix}", Image.fromarray(noise))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(PhotoError, match=rf"cut\.{suffix}: .*; (copy it again|save it as)"):
        open_photo(path)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(PhotoError, match=r"empty\.jpg: the file is empty"):
        open_photo(path)


def test_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("hello")
    with pytest.raises(PhotoError, match=r"notes\.jpg: not a picture that can be read; save it as JPEG"):
        open_photo(path)


def test_a_rare_format_stays_closed(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="not a picture that can be read"):
        open_photo(save(tmp_path / "a.pcx", half_red()))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"none\.jpg: no such file"):
        open_photo(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match=str(tmp_path)):
        open_photo(tmp_path)
