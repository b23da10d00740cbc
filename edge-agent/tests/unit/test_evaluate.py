import json
import re
from base64 import b64decode
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from alpr_edge_agent.commands import evaluate
from alpr_edge_agent.errors import LabelsError
from alpr_edge_agent.evaluate.labels import Label, read_labels
from alpr_edge_agent.evaluate.report import render
from alpr_edge_agent.evaluate.run import Run, SavedPhoto, SavedPlate, compare_runs, judge_run, read_run, scores
from alpr_edge_agent.frames import Box
from alpr_testing.scenes import car_scene

HEADER = "path,set,x,y,width,height,text\n"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two sets: a plate labelled as it reads, one labelled otherwise, and an empty road."""
    for name, text in (("one", "KRT 5281"), ("two", "ABC 1234")):
        cv2.imwrite(str(tmp_path / f"{name}.png"), car_scene(text).image)
    cv2.imwrite(str(tmp_path / "none.png"), np.full((720, 1280, 3), 120, np.uint8))
    x1, y1, x2, y2 = car_scene().plate
    place = f"{x1},{y1},{x2 - x1},{y2 - y1}"
    rows = [f"one.png,first,{place},KRT 5281", f"two.png,second,{place},ABC1Z34", f"none.png,second,{place},XYZ1"]
    (tmp_path / "labels.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return tmp_path


def test_a_run_is_scored_saved_reported_and_compared(photos: Path) -> None:
    labels, run, page = (photos / name for name in ("labels.csv", "run.json", "page.html"))
    first = CliRunner().invoke(evaluate, [str(labels), "--save", str(run), "--html", str(page)])
    assert first.exit_code == 0, first.output
    assert re.search(r"first +1 +100\.0 % +100\.0 % +100\.0 % +100\.0 % +0\.0 +0\.0 %", first.output)
    assert re.search(r"second +2 +50\.0 % +50\.0 % +0\.0 % +0\.0 % +0\.0", first.output)
    assert re.search(r"all +3 +66\.7 %", first.output)
    again = CliRunner().invoke(evaluate, [str(labels), "--compare", str(run)])
    assert "strict: 0 newly right, 0 newly wrong, p = 1.000" in again.output


def test_the_report_stands_alone_and_shows_each_failure(photos: Path) -> None:
    page = photos / "page.html"
    CliRunner().invoke(evaluate, [str(photos / "labels.csv"), "--html", str(page)])
    text = page.read_text()
    pictures = [b64decode(part) for part in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)]
    assert len(pictures) == 2
    assert all(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) is not None for picture in pictures)
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "ABC1<mark>Z</mark>34" in text
    assert "ABC1<mark>2</mark>34" in text
    assert "<li>Z → 2 <small>x1</small></li>" in text
    assert "place not found" in text


def test_a_photo_that_is_missing_counts_as_not_found_and_is_named(photos: Path) -> None:
    (photos / "one.png").unlink()
    result = CliRunner().invoke(evaluate, [str(photos / "labels.csv")])
    assert result.exit_code == 0
    assert "one.png: no such file" in result.stderr
    assert re.search(r"first +1 +0\.0 %", result.stdout)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("path,x,y,width,height\n", "no column text"),
        (HEADER, "holds no labels"),
        (HEADER + "a.jpg,us,1,2,three,4,AB\n", r"line 2: x, y, width and height must be numbers"),
        (HEADER + "a.jpg,us,1,2,0,4,AB\n", "line 2: width and height must be above 0"),
        (HEADER + "a.jpg,us,1,2,3,4,AB\nb.jpg,us,1,2,3,4,--\n", "line 3: column text holds no letter or digit"),
    ],
)
def test_labels_that_cannot_be_used_are_named_by_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(LabelsError, match=rf"labels\.csv.*{said}"):
        read_labels(path)


def test_missing_labels_end_the_command_with_a_message(tmp_path: Path) -> None:
    result = CliRunner().invoke(evaluate, [str(tmp_path / "none.csv")])
    assert result.exit_code == 1
    assert "none.csv: cannot be read as CSV" in result.output
    assert "Traceback" not in result.output


def test_a_run_of_another_kind_is_refused(photos: Path) -> None:
    (photos / "run.json").write_text(json.dumps({"photos": 3}))
    with pytest.raises(LabelsError, match="is no run that"):
        read_run(photos / "run.json")


def test_labels_are_normalised_and_sets_are_optional(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("path,x,y,width,height,text\na.jpg,1,2,3,4,ab-1 2\n")
    assert read_labels(path) == [Label("a.jpg", "", Box(1, 2, 4, 6), "AB12")]


def run_of(*texts: str) -> Run:
    box = (0.0, 0.0, 10.0, 10.0)
    plates = [(SavedPlate(text=text, confidence=0.9, box=box),) if text else () for text in texts]
    return Run(models={}, photos=tuple(SavedPhoto(path=f"{i}.jpg", plates=p) for i, p in enumerate(plates)))


def test_runs_are_compared_plate_by_plate() -> None:
    labels = [Label(f"{i}.jpg", "", Box(0, 0, 10, 10), "AO1") for i in range(4)]
    older, newer = judge_run(run_of("AO1", "A01", "", "X"), labels), judge_run(run_of("A01", "AO1", "AO1", "X"), labels)
    found = compare_runs(older, newer)
    assert found["strict"].gained == ("1.jpg#0", "2.jpg#0")
    assert found["strict"].lost == ("0.jpg#0",)
    assert found["folded"].gained == ("2.jpg#0",)
    assert found["folded"].lost == ()


def test_without_sets_there_is_one_score() -> None:
    labels = [Label("0.jpg", "", Box(0, 0, 10, 10), "AB")]
    assert list(scores(judge_run(run_of("AB"), labels))) == ["all"]


def test_texts_in_the_report_are_escaped() -> None:
    labels = [Label("<b>.jpg", "<i>", Box(0, 0, 10, 10), "AB")]
    judged = judge_run(Run(models={}, photos=()), labels)
    page = render(judged, scores(judged), None, lambda _: None)
    assert "<b>.jpg" not in page
    assert "&lt;b&gt;.jpg" in page
    assert "<i>" not in page
