"""Photos from disk: any common kind, turned upright, as BGR pixels, within a bound on memory."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from alpr_edge_agent.errors import PhotoError
from alpr_edge_agent.frames import BgrImage

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
"""What is decoded. Pillow knows many more, most of them rare, old and little tested: they stay closed."""

MAX_PIXELS = 256_000_000
"""Larger pictures are refused before they are decoded: at three bytes a pixel they would fill a small machine."""

KEPT_PIXELS = 50_000_000
"""Larger pictures are read at half, a quarter … of their size: 150 MB are enough to see a plate."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo, upright.

    Attributes:
        image: its pixels; smaller than the file's where that is very large.
        width, height: of the file's picture, upright, in pixels.
    """

    image: BgrImage
    width: int
    height: int

    @property
    def scale(self) -> float:
        """The file's pixels a pixel of `image`, 1 or more."""
        return self.width / int(self.image.shape[1])


def load_photo(path: Path) -> BgrImage:
    """The pixels of the photo at `path`; see `open_photo`."""
    return open_photo(path).image


def open_photo(path: Path) -> Photo:
    """The photo at `path`: grey, CMYK, 16-bit and palette pictures become BGR, transparency lies on white. Blocks.

    Raises:
        PhotoError: it cannot be read; the text names the file and what to do.
    """
    try:
        if path.stat().st_size == 0:
            raise PhotoError(f"{path}: the file is empty (0 bytes); copy it again from where it came")
        return _decoded(path)
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file; check the path") from error
    except UnidentifiedImageError as error:
        kinds = "JPEG, PNG, WebP, TIFF, BMP, GIF or PPM"
        raise PhotoError(f"{path}: not a picture that can be read; save it as {kinds}") from error
    except PermissionError as error:
        raise PhotoError(f"{path}: may not be read; allow it with `chmod +r`") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:
        raise PhotoError(f"{path}: the picture is cut off or damaged ({error}); copy it again") from error


def _decoded(path: Path) -> Photo:
    # Pillow's own limit only warns, and knows nothing of the reduction below: ours comes right after the header.
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path, formats=FORMATS) as file:
        width, height = file.size
        if width * height > MAX_PIXELS:
            limit = f"{MAX_PIXELS // 1_000_000} megapixels"
            raise PhotoError(f"{path}: {width}x{height} pixels are more than {limit}; scale the picture down")
        factor = _reduction(width * height)
        if factor > 1:
            file.draft(None, (width // factor, height // factor))  # JPEG decodes to a smaller size at once
        upright = ImageOps.exif_transpose(_reduced(file, width, factor))
        turned = (upright.width > upright.height) != (width > height)
        return Photo(_bgr(upright), *((height, width) if turned else (width, height)))


def _reduction(pixels: int) -> int:
    factor = 1
    while pixels > KEPT_PIXELS * factor * factor:
        factor *= 2
    return factor


def _reduced(file: Image.Image, width: int, factor: int) -> Image.Image:
    left = round(factor * file.width / width)  # what draft has not done already
    if left <= 1:
        return file
    small = file.reduce(left) if file.mode in {"L", "RGB", "RGBA", "CMYK"} else file.convert("RGB").reduce(left)
    small.info = file.info
    return small


def _bgr(image: Image.Image) -> BgrImage:
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _eight_bits(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> BgrImage:
    """16 bits to 8; what holds no more than 8 already stays."""
    numbers = np.nan_to_num(values.astype(np.float32))
    return np.asarray(np.clip(numbers / (257 if numbers.max(initial=0) > 255 else 1), 0, 255), np.uint8)
