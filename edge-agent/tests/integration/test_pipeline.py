"""The whole process in one: files in, rows of the outbox out; a detector and a reader of colours."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alpr_edge_agent.assignment import write_assignment
from alpr_edge_agent.errors import ModelUnavailable
from alpr_edge_agent.frames import BgrImage, Box
from alpr_edge_agent.models.chosen import ChosenModel, ChosenModels, write_chosen
from alpr_edge_agent.passes.analysis import SettledPlate
from alpr_edge_agent.pipeline.evidence import Shot
from alpr_edge_agent.pipeline.main import Backends
from alpr_edge_agent.sources import CameraFrame
from alpr_schemas.resources import CameraState, EdgeAssignment
from alpr_testing import coloured
from alpr_testing.rtsp import wait_until

pytestmark = pytest.mark.integration
Assign = Callable[..., EdgeAssignment]


def file(path: Path, **more: Any) -> dict[str, Any]:
    return {"protocol": "file", "url": path.as_uri(), **more}


def test_clip_gives_one_plate_and_one_pass_a_vehicle(station: Any, assign: Assign, clip: Path) -> None:
    write_assignment(station.folder / "assignment.json", assign(cam=file(clip)))
    assert station.once() == 0
    plates, vehicles = station.plates(), station.vehicles()
    assert [plate.plate.text for plate in plates] == ["RED111", "GRN222"]
    assert [vehicle.plate_event_id for vehicle in vehicles] == [plate.event_id for plate in plates]
    assert {plate.latency_ms for plate in plates} == {0}
    assert {plate.node.site for plate in plates} == {"s1"}
    assert all(plate.detector_digest == "sha256:colour-detector" for plate in plates)
    assert not any(event.resumed for event in [*plates, *vehicles])
    health = station.camera("cam")
    assert (health.state, health.decoded, health.plates, health.codec) == (CameraState.ENDED, 60, 2, "h264")
    assert station.status().finished


def test_evidence_lies_in_the_spool_and_shows_the_plate(station: Any, assign: Assign, clip: Path) -> None:
    write_assignment(station.folder / "assignment.json", assign(cam=file(clip)))
    station.once()
    images = station.images()
    assert [image.kind for image in images] == ["plate", "plate", "frame", "frame"]
    red = next(event for event in station.plates() if event.plate.text == "RED111")
    keys = {image.key: image for image in images}
    crop = np.asarray(Image.open(keys[str(red.images.plate_url)].path))
    centre = crop[crop.shape[0] // 2, crop.shape[1] // 2]
    assert int(centre[0]) > 180
    assert max(int(value) for value in centre[1:]) < 80
    with Image.open(keys[str(red.images.frame_url)].path) as frame:
        assert frame.size == (640, 360)


def test_second_reading_finds_the_same_ids(station: Any, assign: Assign, clip: Path, tmp_path: Path) -> None:
    write_assignment(station.folder / "assignment.json", assign(cam=file(clip)))
    station.once()
    before = {event.event_id for event in [*station.plates(), *station.vehicles()]}
    (station.folder / "outbox.db").unlink()
    again = tmp_path / "again.mp4"
    shutil.copy(clip, again)
    write_assignment(station.folder / "assignment.json", assign(revision=2, cam=file(again)))
    station.once()
    assert {event.event_id for event in [*station.plates(), *station.vehicles()]} == before


def test_two_cameras_keep_their_plates_apart(station: Any, assign: Assign, tmp_path: Path) -> None:
    one = coloured.write_clip(tmp_path / "one.mp4", [coloured.Passing("RED111", 5), coloured.Passing("BLU333", 30)])
    two = coloured.write_clip(tmp_path / "two.mp4", [coloured.Passing("YEL444", 5), coloured.Passing("MAG666", 30)])
    write_assignment(station.folder / "assignment.json", assign(one=file(one), two=file(two)))
    station.once()
    seen = {(plate.camera_id, plate.plate.text) for plate in station.plates()}
    assert seen == {("one", "RED111"), ("one", "BLU333"), ("two", "YEL444"), ("two", "MAG666")}
    assert len(station.plates()) == 4


def test_bad_inputs_are_said_and_harm_no_other(station: Any, assign: Assign, clip: Path, tmp_path: Path) -> None:
    empty, rubbish = tmp_path / "empty.mp4", tmp_path / "rubbish.mp4"
    empty.write_bytes(b"")
    rubbish.write_bytes(b"\x00rubbish" * 1000)
    folder = _made(tmp_path / "nothing")
    sources = {"good": file(clip), "empty": file(empty), "rubbish": file(rubbish), "gone": file(tmp_path / "no.mp4")}
    write_assignment(station.folder / "assignment.json", assign(**sources, nothing=file(folder)))
    assert station.once() == 0
    assert len(station.plates()) == 2
    for name, words in {"empty": "0 bytes", "rubbish": "no video", "gone": "correct", "nothing": "no pictures"}.items():
        health = station.camera(name)
        assert health.state is CameraState.FAILED
        assert words in health.reason


def test_other_cameras_keep_their_streams_through_changes(station: Any, assign: Assign, tmp_path: Path) -> None:
    opened: list[str] = []
    backends = station.backends
    original = backends.open_decoder

    def counting(settings: Any, target: Any, hooks: Any) -> Any:
        opened.append(Path(target.address).name)
        return original(settings, target, hooks)

    station.backends = Backends(
        open_decoder=counting, open_detector=backends.open_detector, open_recognizer=backends.open_recognizer
    )
    stay, leave, come = (coloured.write_clip(tmp_path / f"{n}.mp4", [], frames=600) for n in ("stay", "leave", "come"))
    path = station.folder / "assignment.json"
    write_assignment(path, assign(stay=file(stay, realtime=True), leave=file(leave, realtime=True)))
    with station.running():
        wait_until(lambda: station.reaches("stay", CameraState.STREAMING), 10, "first assignment")
        since = station.camera("stay").since
        write_assignment(
            path,
            assign(
                revision=2,
                analytics={"stay": {"lane": "north"}},
                stay=file(stay, realtime=True),
                come=file(come, realtime=True),
            ),
        )
        wait_until(lambda: station.reaches("come", CameraState.STREAMING), 10, "second assignment")
        wait_until(lambda: station.status().applied_revision == 2, 5, "revision")
        assert station.camera("stay").since == since
        assert {camera.name for camera in station.status().cameras} == {"stay", "come"}
    assert sorted(opened) == ["come.mp4", "leave.mp4", "stay.mp4"]


def test_looped_clip_gives_its_plates_every_time_under_new_ids(station: Any, assign: Assign, tmp_path: Path) -> None:
    path = coloured.write_clip(tmp_path / "loop.mp4", [coloured.Passing("CYA555", 2, 18)], frames=24)
    write_assignment(station.folder / "assignment.json", assign(cam=file(path, loop=True, realtime=True)))
    with station.running():
        wait_until(lambda: len(station.plates()) >= 3, 20, "three loops")
    plates = station.plates()
    assert len({plate.source_epoch for plate in plates}) == len(plates)
    assert {plate.plate.text for plate in plates} == {"CYA555"}
    assert all(0 <= plate.latency_ms < 3000 for plate in plates)


def test_unclean_end_flags_what_was_in_view(station: Any, assign: Assign, tmp_path: Path) -> None:
    path = coloured.write_clip(tmp_path / "loop.mp4", [coloured.Passing("CYA555", 2, 18)], frames=24)
    write_assignment(station.folder / "assignment.json", assign(cam=file(path, loop=True, realtime=True)))
    with station.running():
        wait_until(lambda: len(station.plates()) >= 1, 20, "a plate")
    with sqlite3.connect(station.folder / "outbox.db") as db:
        db.execute("UPDATE meta SET value = '0' WHERE key = 'clean'")  # what kill -9 leaves
    db.close()
    with station.running():
        wait_until(lambda: len({plate.boot_id for plate in station.plates()}) > 1, 20, "a plate of the second boot")
    boots: dict[str, list[bool]] = {}
    for plate in station.plates():
        boots.setdefault(plate.boot_id, []).append(plate.resumed)
    first, second = boots.values()
    assert not any(first)
    assert second[0] is True
    assert not any(second[1:])


def test_photos_are_read_each_by_itself(station: Any, assign: Assign, tmp_path: Path) -> None:
    folder = _made(tmp_path / "photos")
    for name, text in (("a", "RED111"), ("b", "BLU333")):
        image = coloured.picture(5, [coloured.Passing(text, 0)])
        Image.fromarray(image[:, :, ::-1]).save(folder / f"{name}.png")
    (folder / "c.jpg").write_bytes(b"\xff\xd8 cut")
    station.backends = Backends(
        open_detector=station.backends.open_detector,
        open_recognizer=station.backends.open_recognizer,
        open_stills=lambda _: ColourStills(),
    )
    write_assignment(station.folder / "assignment.json", assign(cam=file(folder)))
    assert station.once() == 0
    assert [plate.plate.text for plate in station.plates()] == ["RED111", "BLU333"]
    assert station.vehicles() == []
    health = station.camera("cam")
    assert health.state is CameraState.ENDED
    assert health.reason.startswith("1 of 3 could not be read: ")


def test_missing_assignment_says_what_to_do(station: Any) -> None:
    assert station.once() == 1
    assert any("write it anew" in problem for problem in station.status().problems)


def test_busy_metrics_port_is_said_and_the_pipeline_goes_on(station: Any, assign: Assign, clip: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        station.settings["metrics_port"] = taken.getsockname()[1]
        write_assignment(station.folder / "assignment.json", assign(cam=file(clip)))
        assert station.once() == 0
    assert len(station.plates()) == 2
    assert any("metrics_port" in problem for problem in station.status().problems)


def test_password_reaches_no_file_but_its_own(station: Any, assign: Assign) -> None:
    source = {"protocol": "rtsp", "url": "rtsp://127.0.0.1:9/x"}
    write_assignment(station.folder / "assignment.json", assign(cam=source))
    (station.folder / "credentials.json").write_text(json.dumps({"cam": {"username": "u", "password": "hunter2"}}))
    with station.running():
        wait_until(lambda: station.reaches("cam", CameraState.FAILED), 10, "refused connection")
    assert "nobody listens there" in station.camera("cam").reason
    told = [path for path in station.folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert [path.name for path in told] == ["credentials.json"]


def test_stop_is_quick(station: Any, assign: Assign, tmp_path: Path) -> None:
    path = coloured.write_clip(tmp_path / "long.mp4", [coloured.Passing("CYA555", 2, 500)], frames=600)
    write_assignment(station.folder / "assignment.json", assign(cam=file(path, loop=True, realtime=True)))
    with station.running() as stop:
        wait_until(lambda: station.reaches("cam", CameraState.STREAMING), 10, "stream")
        wait_until(lambda: station.camera("cam").analysed > 5, 10, "frames")
        asked = time.monotonic()
        stop.set()
    assert time.monotonic() - asked < 5
    assert [vehicle.plate_event_id is not None for vehicle in station.vehicles()] == [True]


class ColourStills:
    """Reads photos of coloured plates."""

    def read(
        self, frame: CameraFrame, image: BgrImage, min_confidence: float
    ) -> tuple[tuple[SettledPlate, Shot | None], ...]:
        boxes = coloured.find(image)
        return tuple((_settled(n, frame, image, box), None) for n, box in enumerate(boxes, start=1))


def _settled(number: int, frame: CameraFrame, image: BgrImage, corners: coloured.Box) -> SettledPlate:
    text, moment = coloured.read(image, corners), frame.info.captured_at
    box = Box(*(float(value) for value in corners))
    return SettledPlate(number, text, 0.9, ((text, 0.9),), None, frame.info, box, 1.0, 1, moment, moment)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_models_are_swapped_while_the_stream_goes_on(
    station: Any, assign: Assign, tmp_path: Path, by_file: Any
) -> None:
    opened: list[str] = []
    backends = station.backends
    original = backends.open_decoder

    def counting(settings: Any, target: Any, hooks: Any) -> Any:
        opened.append(target.address)
        return original(settings, target, hooks)

    station.backends = Backends(open_decoder=counting, open_detector=by_file, open_recognizer=backends.open_recognizer)
    path = coloured.write_clip(tmp_path / "loop.mp4", [coloured.Passing("CYA555", 2, 18)], frames=24)
    long = coloured.write_clip(tmp_path / "long.mp4", [], frames=600)
    first, second = (chosen_detector(station.folder, name) for name in ("first", "second"))
    write_chosen(station.folder / "models", first)
    write_assignment(
        station.folder / "assignment.json",
        assign(cam=file(path, loop=True, realtime=True), still=file(long, realtime=True)),
    )
    with station.running():
        wait_until(lambda: bool(station.plates()), 20, "a plate under the first model")
        write_chosen(station.folder / "models", first.followed_by(second))
        wait_until(lambda: runs(station, second), 10, "the swap")
        before = len(station.plates())
        wait_until(lambda: len(station.plates()) > before + 1, 20, "plates under the second")
        (station.folder / "models" / "third.onnx").write_bytes(b"cut off")
        third = second.followed_by(chosen(f"sha256:{'0' * 64}", "third"))
        write_chosen(station.folder / "models", third)
        wait_until(lambda: any("damaged" in problem for problem in station.status().problems), 10, "the refusal")
        assert runs(station, second)
    digests = [plate.detector_digest for plate in station.plates()]
    assert [first.detector.digest, second.detector.digest] == list(dict.fromkeys(digests))
    assert opened.count(str(long)) == 1


def test_without_any_model_the_pipeline_waits_for_one(station: Any, assign: Assign, clip: Path, by_file: Any) -> None:
    station.backends = Backends(open_detector=by_file, open_recognizer=station.backends.open_recognizer)
    write_assignment(station.folder / "assignment.json", assign(cam=file(clip)))
    with station.running():
        wait_until(lambda: said(station, "no model here"), 10, "the problem")
        write_chosen(station.folder / "models", chosen_detector(station.folder, "first"))
        wait_until(lambda: len(station.plates()) == 2, 20, "plates")
        assert station.status().problems == ()


def test_a_damaged_model_gives_way_to_the_one_before(station: Any, assign: Assign, clip: Path, by_file: Any) -> None:
    station.backends = Backends(open_detector=by_file, open_recognizer=station.backends.open_recognizer)
    write_assignment(station.folder / "assignment.json", assign(cam=file(clip)))
    first, second = (chosen_detector(station.folder, name) for name in ("first", "second"))
    (station.folder / "models" / "second.onnx").write_bytes(b"bitten")
    write_chosen(station.folder / "models", first.followed_by(second))
    assert station.once() == 0
    assert {plate.detector_digest for plate in station.plates()} == {first.detector.digest}
    assert runs(station, first)


@pytest.fixture
def by_file(detector: Any) -> Callable[[Any], Any]:
    """Opens detectors that find colours as `detector` does, under the digest of the file that the settings name."""

    def open_(settings: Any) -> Any:
        path = Path(settings.detector.model)
        if not path.exists():
            raise ModelUnavailable("no model here")
        made = type(detector)()
        made.digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        return made

    return open_


def chosen_detector(folder: Path, name: str) -> ChosenModels:
    path = _made(folder / "models") / f"{name}.onnx"
    path.write_bytes(name.encode())
    return chosen(f"sha256:{hashlib.sha256(name.encode()).hexdigest()}", name)


def chosen(digest: str, name: str) -> ChosenModels:
    return ChosenModels(detector=ChosenModel(name=name, digest=digest, file=f"{name}.onnx"))


def runs(station: Any, wanted: ChosenModels) -> bool:
    running = station.status().models.detector
    return running is not None and running.digest == wanted.detector.digest


def said(station: Any, words: str) -> bool:
    try:
        return any(words in problem for problem in station.status().problems)
    except OSError:
        return False
