"""PP-OCR's text recognizer (Du et al., PaddleOCR) on ONNX Runtime, read as plates.

Input (B, 3, 48, W) BGR in -1..1, output (B, T, classes) after softmax: class 0 is the CTC blank, the others come in the
order of the model's own metadata `character`, the space last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.errors import ModelUnavailable
from alpr_edge_agent.frames import BgrImage
from alpr_edge_agent.models import find_model
from alpr_edge_agent.recognize import ALPHABET, PlateView, Reading, RecognizerSettings
from alpr_edge_agent.recognize.agreement import agree
from alpr_edge_agent.recognize.crops import cut
from alpr_edge_agent.recognize.ctc import GAP, Frames, fold_classes
from alpr_edge_agent.runtime import open_session
from alpr_plates.text import normalize

HEIGHT = 48
_STEP = 32


class PpOcrRecognizer:
    """Reads plates on the CPU. Safe to call from several threads."""

    def __init__(self, settings: RecognizerSettings) -> None:
        file = find_model(settings.model, "recognizer", settings.models_dir)
        self.digest = file.digest
        self._settings = settings
        self._session = open_session(file.path, settings.threads)
        self._input = self._session.get_inputs()[0].name
        listed = self._session.get_modelmeta().custom_metadata_map.get("character")
        if not listed:
            raise ModelUnavailable(f"{file.path}: holds no character list (metadata `character`) as PP-OCR's models do")
        self._columns = class_columns(listed.split("\n"))

    def read(self, views: Sequence[PlateView]) -> list[Reading | None]:
        """A reading for each view, in their order; None where there is no text. Blocks."""
        crops = [
            (index, crop)
            for index, view in enumerate(views)
            for treatment in self._settings.cuts
            if (crop := cut(view.image, view.box, treatment)) is not None
        ]
        frames: dict[int, list[Frames]] = defaultdict(list)
        inputs = [line(crop, self._settings.max_input_width_px) for _, crop in crops]
        for positions, batch in batches(inputs, self._settings.padded_width_px, self._settings.max_batch):
            output = self._session.run(None, {self._input: batch})[0]
            for position, part in zip(positions, output, strict=True):
                frames[crops[position][0]].append(fold_classes(part, self._columns))
        prior = self._settings.prior
        return [agree(frames[index], prior) if index in frames else None for index in range(len(views))]


def class_columns(characters: Sequence[str]) -> NDArray[np.intp]:
    """For each class of the network, blank and space included, its column of `ALPHABET`, or `GAP`."""
    texts = ["", *(normalize(character) for character in characters), ""]
    return np.array([ALPHABET.index(text) if len(text) == 1 else GAP for text in texts], np.intp)


def line(crop: BgrImage, max_width: int) -> NDArray[np.float32]:
    """`crop` as the network sees it: (3, 48, W) in -1..1, W at most `max_width`."""
    height, width = crop.shape[:2]
    scaled = cv2.resize(crop, (min(max_width, max(8, round(HEIGHT * width / height))), HEIGHT))
    return np.asarray(scaled.transpose(2, 0, 1) / np.float32(127.5) - 1, np.float32)


def batches(
    lines: Sequence[NDArray[np.float32]], min_width: int, limit: int
) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    """Positions in `lines` and their pixels (B, 3, 48, W), W a multiple of 32; grey fills what a line does not."""
    buckets: dict[int, list[int]] = defaultdict(list)
    for position, pixels in enumerate(lines):
        buckets[max(min_width, -(-pixels.shape[2] // _STEP) * _STEP)].append(position)
    for width, members in buckets.items():
        for start in range(0, len(members), limit):
            part = members[start : start + limit]
            batch = np.zeros((len(part), 3, HEIGHT, width), np.float32)
            for row, position in zip(batch, part, strict=True):
                row[:, :, : lines[position].shape[2]] = lines[position]
            yield part, batch
