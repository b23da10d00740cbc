"""What every backend of a YOLOv8 network shares: pictures to input, output to boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.detect import Detections, DetectorSettings
from alpr_edge_agent.detect.boxes import Letterbox, clip, corners, inset, letterbox, place, suppress, to_picture
from alpr_edge_agent.frames import BgrImage

MAX_CANDIDATES = 300
"""Boxes of one picture that go into suppression, the strongest first: bounds its cost on any picture."""


def batches(images: Sequence[BgrImage], size: int, limit: int) -> Iterator[tuple[list[int], list[Letterbox]]]:
    """Positions in `images` that share one input size, at most `limit` at a time, with how each is placed."""
    groups: dict[tuple[int, int], list[tuple[int, Letterbox]]] = defaultdict(list)
    for index, image in enumerate(images):
        box = letterbox(image.shape[1], image.shape[0], size)
        groups[box.width, box.height].append((index, box))
    for group in groups.values():
        for start in range(0, len(group), limit):
            part = group[start : start + limit]
            yield [index for index, _ in part], [box for _, box in part]


def network_input(images: Sequence[BgrImage], boxes: Sequence[Letterbox]) -> NDArray[np.float32]:
    """(B, 3, H, W) float32, RGB, 0 to 1; all `boxes` of one size."""
    pixels = np.empty((len(images), 3, boxes[0].height, boxes[0].width), np.float32)
    for rows, image, box in zip(pixels, images, boxes, strict=True):
        # Plane by plane: ten times as fast as one strided pass over all three.
        for row, plane in zip(rows, reversed(cv2.split(place(image, box))), strict=True):
            np.multiply(plane, np.float32(1 / 255), out=row)
    return pixels


def detections(
    output: NDArray[np.float32],
    box: Letterbox,
    image: BgrImage,
    settings: DetectorSettings,
    margin: tuple[float, float],
) -> Detections:
    """One picture's part (4 + classes, A) of the network's output → its plates; of several classes the best counts."""
    scores = output[4:].max(axis=0)
    strong = np.flatnonzero(scores >= settings.score_threshold)
    strong = strong[np.argsort(-scores[strong], kind="stable")[:MAX_CANDIDATES]]
    boxes = corners(output[:4, strong].T)
    kept = suppress(boxes, scores[strong], settings.nms_iou)
    found = clip(inset(to_picture(boxes[kept], box), margin), image.shape[1], image.shape[0])
    solid = (found[:, 2:] - found[:, :2]).min(axis=1, initial=np.inf) >= 1
    return Detections(found[solid], scores[strong][kept][solid])
