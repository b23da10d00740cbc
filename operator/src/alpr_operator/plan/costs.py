"""What a camera costs, in capacity units, from its stream. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

UNIT_PIXELS_A_SECOND: Final = 1920 * 1080 * 10
"""One unit: H.264 of 1920 by 1080 pixels at ten frames a second, the camera that nodes measure themselves with."""

CODEC_FACTORS: Final[Mapping[str | None, float]] = {None: 1.0, "h264": 1.0, "h265": 1.25}
"""Work a pixel beside H.264. H.265 takes up to twice as much in software and about as much in a hardware decoder."""


def cost_units(width: int | None, height: int | None, fps: float | None, codec: str | None) -> int:
    """Capacity units of a stream, at least 1: pixels a second times the codec's factor, rounded up.

    What is not known counts as in the unit itself: 1920 by 1080 pixels, 10 frames a second, H.264. `spec.costUnits`
    wins over this figure; the caller sees to that. The rule (pixels, rate and codec) is that of the design's reference
    on assigning cameras; the factors are our estimate.
    """
    pixels = (width or 1920) * (height or 1080)
    work = pixels * (fps or 10.0) * CODEC_FACTORS.get(codec, 1.0)
    # A stream of 1080 lines is often coded as 1088: a hundredth over a unit is no second unit.
    return max(1, math.ceil(work / UNIT_PIXELS_A_SECOND - 0.01))
