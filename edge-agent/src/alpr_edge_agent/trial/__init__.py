"""A trial: models over a clip with known plates, in a process of its own. It tells how well they read and what it cost.

One capacity unit is the work for one camera of 1920 by 1080 pixels, H.264, ten frames a second, all of them decoded,
detected on and read, with a vehicle in view most of the time. Cameras cost less where nothing moves: the motion gate
leaves such frames out, so a node that is planned to its units has room.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from alpr_schemas.resources.meta import Share

UNIT_FPS = 10.0
"""Frames a second of the camera that one unit stands for; the clip has its size and codec."""


class TrialResult(BaseModel):
    """What one run of the clip gave.

    Attributes:
        score: share of the plates, counted once a frame in which they can be read, that were read right.
        plates: how many of those there were.
        frames: how many frames were worked on.
        cpu_s: processor seconds of decoding, detecting and reading, all threads together.
        wall_s: seconds that passed over that.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    score: Share
    plates: int = Field(ge=1)
    frames: int = Field(ge=1)
    cpu_s: float = Field(gt=0)
    wall_s: float = Field(gt=0)


def units_of(result: TrialResult, cores: float, *, on_gpu: bool) -> int:
    """Capacity units of a node with `cores` for the pipeline, at least 1.

    On the processor the time that the work took on it counts, so that whatever ran beside the trial changes nothing;
    on a GPU, whose work no processor time shows, the time that passed.
    """
    frames_a_second = result.frames / result.wall_s if on_gpu else cores * result.frames / result.cpu_s
    return max(1, min(100_000, int(frames_a_second / UNIT_FPS)))
