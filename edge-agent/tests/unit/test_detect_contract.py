"""What every detector must do, tried on each backend that this machine has."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from alpr_edge_agent.detect import Detector, DetectorSettings, open_detector
from alpr_edge_agent.errors import BackendUnavailable, ModelUnavailable
from alpr_edge_agent.frames import BgrImage
from alpr_edge_agent.recognize import RecognizerSettings, open_recognizer
from alpr_testing.scenes import car_scene


@pytest.fixture(scope="module", params=["onnx", "tensorrt"])
def detector(request: pytest.FixtureRequest) -> Iterator[Detector]:
    model = "plate-yolov8n" if request.param == "onnx" else "plate-yolov8n.engine"
    try:
        yield open_detector(DetectorSettings(backend=request.param, model=model, input_size=640))
    except BackendUnavailable:
        pytest.skip(f"{request.param}: its runtime is not on this machine")


def test_a_plate_is_found_where_it_is(detector: Detector) -> None:
    scene = car_scene()
    x1, y1, x2, y2 = scene.plate
    found = detector.detect([scene.image])[0]
    assert len(found) >= 1
    near, far = np.maximum(found.boxes[0][:2], (x1, y1)), np.minimum(found.boxes[0][2:], (x2, y2))
    assert np.prod(far - near) > 0.6 * (x2 - x1) * (y2 - y1)


def test_results_have_the_shapes_and_order_that_are_promised(detector: Detector) -> None:
    for image, found in zip(pictures(), detector.detect(pictures()), strict=True):
        height, width = image.shape[:2]
        assert found.boxes.shape == (len(found), 4)
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert (np.diff(found.scores) <= 0).all()
        assert (found.boxes >= 0).all()
        assert (found.boxes <= [width, height] * 2).all()
        assert (found.boxes[:, :2] < found.boxes[:, 2:]).all()


def test_a_batch_finds_what_each_picture_alone_does(detector: Detector) -> None:
    together = detector.detect(pictures())
    for image, found in zip(pictures(), together, strict=True):
        alone = detector.detect([image])[0]
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=0.05)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-3)


def test_no_pictures_give_no_results(detector: Detector) -> None:
    assert detector.detect([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (700, 3)])
def test_the_smallest_pictures_hold_no_plate(detector: Detector, shape: tuple[int, int]) -> None:
    assert len(detector.detect([np.zeros((*shape, 3), np.uint8)])[0]) == 0


def test_the_digest_names_the_weights(detector: Detector) -> None:
    assert detector.digest.startswith("sha256:")
    assert len(detector.digest) == len("sha256:") + 64


def test_a_missing_runtime_names_the_extra_and_the_way_out() -> None:
    if find_spec("tensorrt"):
        pytest.skip("TensorRT is on this machine")
    with pytest.raises(BackendUnavailable, match=r"alpr-edge-agent\[tensorrt\].*backend: onnx"):
        open_detector(DetectorSettings(backend="tensorrt"))


def test_an_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(ModelUnavailable, match=r"no-such.*plate-yolov8n"):
        open_detector(DetectorSettings(model="no-such"))


def test_a_recognizer_is_no_detector() -> None:
    with pytest.raises(ModelUnavailable, match="a detector is needed"):
        open_detector(DetectorSettings(model="ppocr-v6-small"))


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelUnavailable, match=r"broken\.onnx"):
        open_detector(DetectorSettings(model=str(path)))


def test_a_detector_is_no_recognizer() -> None:
    with pytest.raises(ModelUnavailable, match="a recognizer is needed"):
        open_recognizer(RecognizerSettings(model="plate-yolov8n"))


def pictures() -> list[BgrImage]:
    """Pictures of several sizes, some of one network size."""
    image = car_scene().image
    return [image, np.zeros((480, 640, 3), np.uint8), np.ascontiguousarray(image[:, ::-1]), image[100:600, 300:1000]]
