"""Boxes and readings in, one plate and one pass a vehicle out."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import FrameInfo
from alpr_edge_agent.passes.analysis import AnalysisSettings, CameraAnalysis, Outcome, SettledPlate, VehiclePass, Wanted
from alpr_edge_agent.recognize import ALPHABET, Reading

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FPS = 10
Row = tuple[float, float, float]
"""Centre x, centre y, width of a plate."""


def reading(text: str, sure: float = 0.97) -> Reading:
    posteriors = np.full((len(text), len(ALPHABET)), (1 - sure) / 40, np.float32)
    for i, character in enumerate(text):
        posteriors[i, ALPHABET.index(character)] = sure
    return Reading(text, sure ** len(text), posteriors, ((text, sure ** len(text)),))


def detections(rows: list[Row], score: float = 0.8) -> Detections:
    boxes = [[x - w / 2, y - w / 6, x + w / 2, y + w / 6] for x, y, w in rows]
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(rows), score, np.float32))


@dataclass
class Drive:
    """Feeds an analysis frame by frame and notes what it says."""

    analysis: CameraAnalysis = field(default_factory=CameraAnalysis)
    frame: int = 0
    wanted: list[tuple[Wanted, ...]] = field(default_factory=list)
    plates: list[SettledPlate] = field(default_factory=list)
    passes: list[VehiclePass] = field(default_factory=list)
    kept: dict[int, int] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)

    def step(self, rows: list[Row], texts: dict[int, str] | str | None = "ABC123", score: float = 0.8) -> None:
        info = FrameInfo("gate", "e", self.frame, START + timedelta(seconds=self.frame / FPS), 1920, 1080)
        wanted = self.analysis.observe(info, detections(rows, score))
        read = [texts if texts is None or isinstance(texts, str) else texts.get(w.track) for w in wanted]
        self.wanted.append(wanted)
        self.take(self.analysis.absorb(info, wanted, [reading(t) if t else None for t in read]))
        self.frame += 1

    def take(self, outcome: Outcome) -> None:
        for track, _ in outcome.keep:
            self.kept[track] = self.frame
        self.plates += outcome.plates
        self.passes += outcome.passes
        self.dropped += outcome.dropped

    def finish(self) -> "Drive":
        self.take(self.analysis.finish())
        return self


def test_a_vehicle_gives_one_plate_and_one_pass() -> None:
    drive = Drive()
    for i in range(15):
        drive.step([(600 + 20 * i, 500 + 10 * i, 60 + 5 * i)])
    for _ in range(15):
        drive.step([])
    assert [plate.text for plate in drive.plates] == ["ABC123"]
    (passed,) = drive.passes
    assert (passed.direction, passed.plate) == ("towards", drive.plates[0])
    assert passed.dwell_s == 1.4
    drive.finish()
    assert (len(drive.plates), len(drive.passes)) == (1, 1)


def test_the_shot_of_a_plate_is_the_last_frame_kept_of_its_track() -> None:
    drive = Drive()
    for i in range(10):
        drive.step([(600, 500, 60 + 8 * i)])
    drive.finish()
    (plate,) = drive.plates
    assert drive.kept[plate.track] == plate.shot.number


def test_a_settled_plate_is_not_read_again() -> None:
    drive = Drive()
    for i in range(40):
        drive.step([(600 + 3 * i, 500, 100)])
    assert drive.plates
    assert sum(len(wanted) for wanted in drive.wanted) <= 4


def test_a_parked_car_that_never_settles_is_not_read_for_ever() -> None:
    drive = Drive()
    for i in range(200):
        drive.step([(600, 500, 100)], f"AB{'CDEFGH'[i % 6]}1{i % 7}")
    assert sum(len(wanted) for wanted in drive.wanted) <= 16
    assert not drive.analysis.active
    drive.finish()
    assert drive.passes[0].direction == "stationary"
    assert len(drive.passes) == 1


def test_a_photo_yields_its_plate_and_its_pass() -> None:
    drive = Drive()
    drive.step([(600, 500, 100)])
    drive.finish()
    assert [plate.text for plate in drive.plates] == ["ABC123"]
    assert len(drive.passes) == 1


def test_one_box_in_one_frame_of_many_is_no_vehicle() -> None:
    drive = Drive()
    for i in range(30):
        drive.step([(600, 500, 100)] if i == 7 else [])
    drive.finish()
    assert (drive.plates, drive.passes) == ([], [])
    assert drive.dropped == list(drive.kept)


def test_a_plate_that_the_border_cuts_is_not_read_until_all_of_it_shows() -> None:
    drive = Drive()
    for i in range(10):
        drive.step([(1900 - 25 * i, 500, 100)], "ABC1" if i < 2 else "ABC123")
    drive.finish()
    assert [plate.text for plate in drive.plates] == ["ABC123"]


def test_a_vehicle_lost_from_sight_and_found_again_is_one_event() -> None:
    drive = Drive()
    for i in range(12):
        drive.step([(300 + 20 * i, 500, 90)])
    for _ in range(15):
        drive.step([])
    for i in range(12):
        drive.step([(900 + 20 * i, 500, 90)])
    drive.finish()
    assert [plate.text for plate in drive.plates] == ["ABC123"]
    assert (len(drive.passes), len(drive.dropped)) == (1, 1)


def test_a_vehicle_that_comes_back_later_is_another_pass() -> None:
    drive = Drive()
    for _ in range(2):
        for i in range(12):
            drive.step([(300 + 20 * i, 500, 90)])
        for _ in range(60):
            drive.step([])
    drive.finish()
    assert [plate.text for plate in drive.plates] == ["ABC123", "ABC123"]
    assert len(drive.passes) == 2


def test_near_texts_one_after_the_other_stay_two_vehicles() -> None:
    drive = Drive()
    for text in ("ABC123", "ABC128"):
        for i in range(12):
            drive.step([(300 + 60 * i, 500, 90)], text)
        for _ in range(11):
            drive.step([])
    drive.finish()
    assert [plate.text for plate in drive.plates] == ["ABC123", "ABC128"]


def test_two_near_texts_side_by_side_stay_two_plates() -> None:
    drive = Drive()
    for i in range(20):
        drive.step([(400 + 10 * i, 500, 90), (900 + 10 * i, 500, 90)], {1: "ABC123", 2: "ABC128"})
    drive.finish()
    assert sorted(plate.text for plate in drive.plates) == ["ABC123", "ABC128"]


def test_narrow_plates_are_followed_but_not_read() -> None:
    drive = Drive(CameraAnalysis(AnalysisSettings(min_plate_width_px=80)))
    for i in range(10):
        drive.step([(600 + 5 * i, 500, 60)])
    drive.finish()
    assert not any(drive.wanted)
    assert drive.passes[0].plate is None


def test_zones_decide_by_the_centre_of_the_plate() -> None:
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    corner = ((0.0, 0.0), (0.1, 0.0), (0.1, 1.0), (0.0, 1.0))
    drive = Drive(CameraAnalysis(AnalysisSettings(roi=(left,), ignore=(corner,))))
    for _ in range(5):
        drive.step([(100, 500, 90), (500, 500, 90), (1500, 500, 90)])
    drive.finish()
    assert [round(passed.first_box.center[0]) for passed in drive.passes] == [500]


def test_a_text_below_the_threshold_is_not_published() -> None:
    drive = Drive(CameraAnalysis(AnalysisSettings(min_confidence=0.99)))
    for i, text in enumerate(["AB1234", "XY9876", "KLM55", "QRS777"]):
        drive.step([(600 + 5 * i, 500, 60)], text)
    drive.finish()
    assert not drive.plates
    assert drive.passes[0].plate is None


def test_an_unread_vehicle_is_a_pass_without_a_plate() -> None:
    drive = Drive()
    for i in range(10):
        drive.step([(600, 700 - 20 * i, 120 - 8 * i)], None)
    drive.finish()
    (passed,) = drive.passes
    assert (passed.plate, passed.direction) == (None, "away")
