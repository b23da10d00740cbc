"""Recognizers read plates: the seam, and the one factory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol, assert_never

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from alpr_edge_agent.frames import BgrImage, Box
from alpr_edge_agent.models import default_models_dir

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Column order of `Reading.posteriors`."""

Inset = Annotated[float, Field(gt=-1, lt=0.5)]


class Treatment(BaseModel):
    """One way to cut a plate out of its picture before it is read.

    Attributes:
        inset: share of the box's width and height taken off on each side; below 0 it grows.
        deskew: shear the rows of characters level first.
        tallest_line: keep only the tallest row of characters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    inset: tuple[Inset, Inset] = (0.0, 0.0)
    deskew: bool = False
    tallest_line: bool = False


# Insets are relative to boxes that are tight to the characters, and still take a good tenth off above and below: state
# names and frames otherwise come out as letters. Figures: docs/benchmarks/photos.md.
FAST = (Treatment(inset=(-0.01, 0.12)),)
QUALITY = (
    *FAST,
    Treatment(inset=(-0.01, 0.12), deskew=True),
    Treatment(inset=(-0.03, -0.10), deskew=True, tallest_line=True),
)


class RecognizerSettings(BaseModel):
    """How plates are read.

    Attributes:
        backend: the runtime.
        model: a name that `alpr models list` shows, or the path of an ONNX file that is laid out as PP-OCR's.
        models_dir: where converted models are kept.
        mode: fast reads one cut of each plate, for video; quality reads several and lets them agree, for photos.
        treatments: cuts instead of those of `mode`.
        min_input_width_px: of the network's input, 48 high; narrower plates are padded, for it was trained on wide
            lines of text. None takes 192 in fast mode and 320 in quality mode.
        max_input_width_px: wider plates are squeezed.
        format_bonus: log of how much likelier a text is beforehand when it has the format of some country. None takes
            1 in quality mode and 0 in fast mode, where the camera's own countries weigh in after fusion.
        threads: of one inference.
        max_batch: cuts in one inference.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    backend: Literal["onnx"] = "onnx"
    model: str = "ppocr-v6-small"
    models_dir: Path = Field(default_factory=default_models_dir)
    mode: Literal["fast", "quality"] = "fast"
    treatments: Annotated[tuple[Treatment, ...], Field(min_length=1)] | None = None
    min_input_width_px: Annotated[int, Field(ge=32, le=640, multiple_of=32)] | None = None
    max_input_width_px: Annotated[int, Field(ge=32, le=2048, multiple_of=32)] = 640
    format_bonus: Annotated[float, Field(ge=0, le=5)] | None = None
    threads: PositiveInt = 1
    max_batch: PositiveInt = 8

    @property
    def cuts(self) -> tuple[Treatment, ...]:
        """The treatments that apply."""
        return self.treatments or (FAST if self.mode == "fast" else QUALITY)

    @property
    def padded_width_px(self) -> int:
        """The least width of the network's input that applies."""
        return self.min_input_width_px or (192 if self.mode == "fast" else 320)

    @property
    def prior(self) -> float:
        """The format bonus that applies."""
        if self.format_bonus is not None:
            return self.format_bonus
        return 0.0 if self.mode == "fast" else 1.0


@dataclass(frozen=True, slots=True)
class PlateView:
    """One plate to read: a picture and where in it the detector saw the plate."""

    image: BgrImage
    box: Box


@dataclass(frozen=True, slots=True)
class Reading:
    """What a recognizer read from one view.

    Attributes:
        text: normalised plate text, A-Z0-9 only, never empty.
        confidence: 0 to 1, of the text as a whole.
        posteriors: float32 (len(text), 36), a row a character in the order of `text`, columns as `ALPHABET`;
            a row sums to at most 1, the rest is "none of these". `text[i]` is the column that the reader chose for i.
        candidates: (text, probability), best first; the first is `text`. Never empty.
    """

    text: str
    confidence: float
    posteriors: NDArray[np.float32]
    candidates: tuple[tuple[str, float], ...]


class Recognizer(Protocol):
    """Reads plates."""

    digest: str
    """SHA-256 of the weights, as `sha256:…`; it travels in the event."""

    def read(self, views: Sequence[PlateView]) -> list[Reading | None]:
        """A reading for each view, in their order; None where there is no text. Blocks.

        Views may come from many cameras.
        """


def open_recognizer(settings: RecognizerSettings) -> Recognizer:
    """The recognizer that `settings` describe, with its weights loaded.

    Raises:
        ModelUnavailable: its weights are not installed, or are not what they should be.
    """
    match settings.backend:
        case "onnx":
            from alpr_edge_agent.recognize.ppocr import PpOcrRecognizer

            return PpOcrRecognizer(settings)
        case _:
            assert_never(settings.backend)
