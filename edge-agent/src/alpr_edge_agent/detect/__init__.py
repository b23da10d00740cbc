"""Detectors find plates in pictures: the seam, and the one factory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol, assert_never

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from alpr_edge_agent.frames import BgrImage, Boxes
from alpr_edge_agent.models import default_models_dir

Share = Annotated[float, Field(ge=0, le=1)]


class DetectorSettings(BaseModel):
    """How plates are found.

    Attributes:
        backend: the runtime.
        model: a name that `alpr models list` shows, or the path of an ONNX file (`output0` as YOLOv8 exports it; for
            tensorrt the path of an engine built from one).
        models_dir: where converted models are kept.
        input_size: the longer side of the network's input in pixels; the shorter follows the picture.
        score_threshold: weaker boxes are dropped.
        nms_iou: of two boxes that overlap more, the weaker is dropped.
        margin: share of width and height a side that the model draws around the characters, taken off each box; None
            takes what the catalog knows of the model, and nothing for a model by path.
        threads: of one inference. One a worker and more workers is faster than the reverse on a shared machine.
        max_batch: pictures in one inference.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    backend: Literal["onnx", "tensorrt"] = "onnx"
    model: str = "plate-yolov8n"
    models_dir: Path = Field(default_factory=default_models_dir)
    input_size: Annotated[int, Field(ge=32, le=4096, multiple_of=32)] = 640
    score_threshold: Share = 0.25
    nms_iou: Share = 0.45
    margin: tuple[Annotated[float, Field(ge=0, lt=0.5)], Annotated[float, Field(ge=0, lt=0.5)]] | None = None
    threads: PositiveInt = 1
    max_batch: PositiveInt = 8


@dataclass(frozen=True, slots=True)
class Detections:
    """Plates of one picture, best first.

    Attributes:
        boxes: float32 (N, 4), xyxy, pixels of the picture.
        scores: float32 (N,), 0 to 1.
    """

    boxes: Boxes
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """Finds plates."""

    digest: str
    """SHA-256 of the weights, as `sha256:…`; it travels in the event."""

    def detect(self, images: Sequence[BgrImage]) -> list[Detections]:
        """Plates of each picture, in the order of `images`; pictures may differ in size. Blocks."""


def open_detector(settings: DetectorSettings) -> Detector:
    """The detector that `settings` describe, with its weights loaded.

    Raises:
        ModelUnavailable: its weights are not installed, or are not what they should be.
        BackendUnavailable: its runtime is not installed.
    """
    match settings.backend:
        case "onnx":
            from alpr_edge_agent.detect.onnx import OnnxDetector

            return OnnxDetector(settings)
        case "tensorrt":
            from alpr_edge_agent.detect.tensorrt import TensorRtDetector

            return TensorRtDetector(settings)
        case _:
            assert_never(settings.backend)
