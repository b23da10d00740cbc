import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from alpr_edge_agent.commands import read
from alpr_edge_agent.errors import PhotoError
from alpr_edge_agent.photos import Photo, load_photo
from alpr_edge_agent.photos.reader import open_photo_reader
from alpr_edge_agent.reading.command import find_inputs
from alpr_testing.scenes import Scene, car_scene


@pytest.fixture
def scene() -> Scene:
    return car_scene("KRT 5281")


@pytest.fixture
def photo(tmp_path: Path, scene: Scene) -> Path:
    path = tmp_path / "car.png"
    cv2.imwrite(str(path), scene.image)
    return path


def test_a_json_line_has_exactly_the_documented_shape(photo: Path, scene: Scene) -> None:
    result = CliRunner().invoke(read, [str(photo), "--format", "jsonl"])
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert list(found) == ["source", "width", "height", "plates", "took_ms"]
    assert (found["source"], found["width"], found["height"]) == (str(photo), 1280, 720)
    assert found["took_ms"] > 0
    (plate,) = found["plates"]
    assert list(plate) == ["text", "confidence", "box", "candidates"]
    assert plate["text"] == "KRT5281"
    assert 0.9 < plate["confidence"] <= 1
    assert plate["candidates"][0] == [plate["text"], plate["confidence"]]
    np.testing.assert_allclose(plate["box"], scene.plate, atol=10)


def test_csv_has_a_line_a_plate(photo: Path) -> None:
    result = CliRunner().invoke(read, [str(photo), "--format", "csv"])
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert (row["source"], row["text"], row["at_s"]) == (str(photo), "KRT5281", "")


def test_the_table_names_plates_and_pictures_without_any(photo: Path) -> None:
    Image.new("RGB", (1, 1)).save(photo.with_name("dot.png"))
    result = CliRunner().invoke(read, [str(photo.parent)], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "KRT5281" in result.stdout
    assert "no plate" in result.stdout
    assert result.stderr == ""


def test_bad_inputs_are_named_and_the_others_go_on(photo: Path) -> None:
    folder = photo.parent
    (folder / "empty.jpg").touch()
    (folder / "half.png").write_bytes(photo.read_bytes()[:5000])
    (folder / "bare").mkdir()
    (folder / "notes.txt").write_text("no picture")
    paths = [folder / name for name in ("empty.jpg", "bare", "half.png", "notes.txt", "gone.jpg", "car.png")]
    result = CliRunner().invoke(read, [*map(str, paths), "--format", "jsonl"])
    assert result.exit_code == 1
    assert [json.loads(line)["source"] for line in result.stdout.splitlines()] == [str(photo)]
    messages = result.stderr.splitlines()
    assert len(messages) == 5
    for path in paths[:-1]:
        assert any(line.startswith(f"Error: {path}: ") for line in messages), path


def test_pictures_with_boxes_are_written_and_none_is_overwritten(photo: Path) -> None:
    folder = photo.parent / "out"
    for _ in range(2):
        assert CliRunner().invoke(read, [str(photo), "--annotate", str(folder)]).exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["car-2.jpg", "car.jpg"]
    drawn, original = load_photo(folder / "car.jpg"), load_photo(photo)
    assert drawn.shape == original.shape
    assert np.abs(drawn.astype(int) - original)[440:446, 540:740].max() > 60


def test_an_annotation_folder_that_cannot_be_made_ends_the_command(photo: Path) -> None:
    result = CliRunner().invoke(read, [str(photo), "--annotate", str(photo / "out")])
    assert result.exit_code == 1
    assert "choose another folder" in result.output
    assert "Traceback" not in result.output


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a car that comes nearer, then half a second of road."""
    path = tmp_path_factory.mktemp("clips") / "drive.mp4"
    image = car_scene("KRT 5281").image
    road = np.full_like(image, 150)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for n in range(25):
            nearer = np.float32([[0.7 + 0.02 * n, 0, 60 + 4 * n], [0, 0.7 + 0.02 * n, 30]])
            drawn = cv2.warpAffine(image, nearer, (1280, 720), borderMode=cv2.BORDER_REPLICATE) if n < 20 else road
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn, format="bgr24")))
        container.mux(stream.encode())
    return path


def test_a_clip_gives_one_line_a_vehicle_pass(clip: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(read, [str(clip), "--format", "jsonl", "--annotate", str(tmp_path)])
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert (found["source"], found["text"]) == (str(clip), "KRT5281")
    assert 0 <= found["from_s"] <= found["at_s"] <= found["until_s"] <= 2.5
    assert len(found["box"]) == 4
    assert found["candidates"][0] == [found["text"], found["confidence"]]
    (drawn,) = tmp_path.iterdir()
    assert drawn.name.startswith("drive-")
    assert load_photo(drawn).shape == (720, 1280, 3)


def test_broken_clips_are_named_and_photos_go_on(clip: Path, photo: Path) -> None:
    for name, content in (("empty.mp4", b""), ("torn.mp4", clip.read_bytes()[:3000]), ("text.mkv", b"hello")):
        (photo.parent / name).write_bytes(content)
    result = CliRunner().invoke(read, [str(photo.parent), "--format", "csv"])
    assert result.exit_code == 1
    assert [row["text"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["KRT5281"]
    assert len(result.stderr.splitlines()) == 3
    for name in ("empty.mp4", "torn.mp4", "text.mkv"):
        assert f"Error: {photo.parent / name}: " in result.stderr


def test_folders_are_searched_with_their_folders_in_order(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "a/1.png", "c.mp4", "a/readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in find_inputs(tmp_path)] == ["a/1.png", "b/2.JPG", "c.mp4"]


def test_a_folder_without_pictures_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"holds no pictures or clips; put files ending in .*\.jpg"):
        find_inputs(tmp_path)


def test_a_far_plate_is_looked_for_again_at_a_larger_scale(scene: Scene) -> None:
    far = np.full((2880, 5120, 3), (150, 160, 150), np.uint8)
    far[1000:1720, 1800:3080] = scene.image
    reading = open_photo_reader().read(Photo(far, 5120, 2880), "far")
    assert [plate.text for plate in reading.plates] == ["KRT5281"]
    np.testing.assert_allclose(reading.plates[0].box.center, (1800 + 640, 1000 + 470), atol=12)


def test_boxes_of_a_reduced_photo_are_in_the_files_own_pixels(scene: Scene) -> None:
    reading = open_photo_reader().read(Photo(scene.image, 2560, 1440), "large")
    assert (reading.width, reading.height) == (2560, 1440)
    np.testing.assert_allclose(reading.plates[0].box.center, (1280, 940), atol=12)


def test_the_commands_import_nothing_heavy() -> None:
    script = (
        "import sys, alpr_edge_agent.commands;"
        "heavy = {'numpy', 'cv2', 'onnxruntime', 'onnx', 'av', 'PIL', 'pydantic', 'rich', 'scipy'};"
        "found = heavy & {name.split('.')[0] for name in sys.modules}; print(found); sys.exit(bool(found))"
    )
    result = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout
