"""What every recognizer must do."""

from pathlib import Path

import numpy as np
import pytest

from alpr_edge_agent.errors import ModelUnavailable
from alpr_edge_agent.frames import Box
from alpr_edge_agent.models import KNOWN, default_models_dir, prepare
from alpr_edge_agent.recognize import ALPHABET, PlateView, Recognizer, RecognizerSettings, open_recognizer
from alpr_edge_agent.recognize.ctc import GAP
from alpr_edge_agent.recognize.ppocr import batches, class_columns
from alpr_testing.scenes import car_scene

TEXTS = ["KRT 5281", "ABC 1234", "7XYZ901"]


@pytest.fixture(scope="module", params=["fast", "quality"])
def recognizer(request: pytest.FixtureRequest) -> Recognizer:
    return open_recognizer(RecognizerSettings(mode=request.param))


def view(text: str) -> PlateView:
    scene = car_scene(text)
    return PlateView(scene.image, Box(*scene.plate))


def test_drawn_plates_are_read(recognizer: Recognizer) -> None:
    readings = recognizer.read([view(text) for text in TEXTS])
    assert [reading.text if reading else None for reading in readings] == [text.replace(" ", "") for text in TEXTS]


def test_a_reading_holds_what_is_promised(recognizer: Recognizer) -> None:
    reading = recognizer.read([view("KRT 5281")])[0]
    assert reading is not None
    assert set(reading.text) <= set(ALPHABET)
    assert 0 < reading.confidence <= 1
    assert reading.posteriors.shape == (len(reading.text), len(ALPHABET))
    assert (reading.posteriors.sum(axis=1) <= 1 + 1e-4).all()
    assert reading.candidates[0] == (reading.text, reading.confidence)
    assert [p for _, p in reading.candidates] == sorted((p for _, p in reading.candidates), reverse=True)


def test_many_views_are_read_as_each_alone(recognizer: Recognizer) -> None:
    views = [view(text) for text in TEXTS]
    for single, reading in zip(views, recognizer.read(views), strict=True):
        alone = recognizer.read([single])[0]
        assert alone is not None
        assert reading is not None
        assert reading.text == alone.text
        assert reading.confidence == pytest.approx(alone.confidence, abs=0.02)


def test_no_views_give_no_readings(recognizer: Recognizer) -> None:
    assert recognizer.read([]) == []


@pytest.mark.parametrize(
    "box", [Box(5, 5, 60, 30), Box(-50, -50, -10, -10), Box(10, 10, 10.2, 10.2), Box(90, 40, 500, 90)]
)
def test_an_empty_wall_and_odd_boxes_hold_no_text(recognizer: Recognizer, box: Box) -> None:
    assert recognizer.read([PlateView(np.full((60, 100, 3), 128, np.uint8), box)]) == [None]


def test_the_digest_names_the_weights(recognizer: Recognizer) -> None:
    assert recognizer.digest.startswith("sha256:")


def test_an_onnx_file_of_another_kind_is_refused() -> None:
    detector = prepare(KNOWN[0], default_models_dir())
    with pytest.raises(ModelUnavailable, match="holds no character list"):
        open_recognizer(RecognizerSettings(model=str(detector)))


def test_a_model_by_path_is_read_with_its_own_digest(tmp_path: Path) -> None:
    known = next(model for model in KNOWN if model.role == "recognizer")
    copy = tmp_path / "mine.onnx"
    copy.symlink_to(prepare(known, default_models_dir()))
    assert open_recognizer(RecognizerSettings(model=str(copy))).digest == f"sha256:{known.sha256}"


def test_classes_fold_onto_plate_characters() -> None:
    columns = class_columns(["A", "a", "Á", "\uff21", "0", "·", "京", "Æ"])
    a, zero = ALPHABET.index("A"), ALPHABET.index("0")
    assert columns.tolist() == [GAP, a, a, a, a, zero, GAP, GAP, GAP, GAP]


def test_lines_of_near_width_share_a_batch() -> None:
    lines = [np.ones((3, 48, width), np.float32) for width in (100, 190, 200, 150, 300)]
    found = {pixels.shape[3]: (positions, pixels) for positions, pixels in batches(lines, 192, 2)}
    assert sorted(found) == [192, 224, 320]
    positions, pixels = found[224]
    assert positions == [2]
    assert pixels[0, :, :, 200:].max() == 0
    assert sum(len(positions) for positions, _ in batches(lines, 192, 2)) == len(lines)
