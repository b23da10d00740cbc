"""Recognizers read plates: the seam, and the one factory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.frames import BgrImage, Box

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Column order of `Reading.posteriors`."""


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
        """A reading for each view, in their order; None where there is no text. Views may come from many cameras. Blocks."""
