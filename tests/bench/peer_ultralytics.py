"""The reference of `make bench-edge`: ultralytics' tracker and PP-OCR on every box of every frame.

Runs in an environment of its own, knows nothing of this project, prints one JSON line.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import torch
from rapidocr import RapidOCR
from ultralytics import YOLO

torch.set_num_threads(1)
torch.set_num_interop_threads(1)


def open_reader() -> RapidOCR:
    return RapidOCR(
        params={
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.log_level": "error",
        }
    )


def read(reader: RapidOCR, crop: np.ndarray) -> tuple[str, float]:
    result = reader(crop, use_det=False, use_cls=False, use_rec=True)
    if not result.txts:
        return "", 0.0
    return result.txts[0], float(result.scores[0])


def main(weights: str, clip: str) -> None:
    """Every box that the detector finds is read, whether its tracker keeps it or not.

    The tracker matches boxes by overlap: plates that move more than their width between frames get no id. So texts are
    told apart by track where there is one, and by themselves where there is none: the kindest reading of its output.
    """
    detector, reader = YOLO(weights), open_reader()
    blank = np.zeros((720, 1280, 3), np.uint8)
    detector.predict(blank, imgsz=640, device="cpu", verbose=False)
    read(reader, np.full((48, 160, 3), 200, np.uint8))
    found: list[np.ndarray] = []

    def before_tracking(predictor: object) -> None:
        found[:] = [box for result in predictor.results for box in result.boxes.xyxy.int().numpy()]

    detector.add_callback("on_predict_postprocess_end", before_tracking)
    best: dict[object, tuple[float, str]] = {}
    frames = reads = 0
    began = time.process_time()
    tracked = detector.track(
        clip, stream=True, imgsz=640, conf=0.25, device="cpu", verbose=False, tracker="bytetrack.yaml"
    )
    for result in tracked:
        frames += 1
        ids = track_ids(result)
        for box in found:
            x1, y1, x2, y2 = (max(0, int(value)) for value in box)
            crop = result.orig_img[y1:y2, x1:x2]
            if crop.size == 0:
                continue
            text, score = read(reader, crop)
            reads += 1
            text = "".join(c for c in text.upper() if c.isascii() and c.isalnum())
            key = ids.get((x1, y1, x2, y2), text)
            best[key] = max(best.get(key, (0.0, "")), (score, text))
    cpu_s = time.process_time() - began
    texts = sorted({text for score, text in best.values() if text and score >= 0.5})
    print(json.dumps({"frames": frames, "cpu_s": cpu_s, "reads": reads, "texts": texts}))


def track_ids(result: object) -> dict[tuple[int, ...], int]:
    boxes = result.boxes
    if boxes is None or boxes.id is None:
        return {}
    corners = [tuple(max(0, value) for value in box) for box in boxes.xyxy.int().tolist()]
    return dict(zip(corners, boxes.id.int().tolist(), strict=True))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
