"""Right readings a vehicle pass: all frames fused, against the single most confident frame. `make bench-passes`.

200 simulated passes and one pseudo-pass for each real photo, at 10 frames a second. Detector and recognizer run once a
frame; every variant works on the same boxes and readings. Exit code 0 only when fusion removes at least 30 % of the
simulated passes that the most confident frame gets wrong, is not worse on pseudo-passes, and no event was corrected.
"""

from __future__ import annotations

import argparse
import csv
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from alpr_edge_agent.detect import Detections, Detector, DetectorSettings, open_detector
from alpr_edge_agent.frames import BgrImage, Box, FrameInfo
from alpr_edge_agent.passes.analysis import AnalysisSettings, CameraAnalysis, Outcome, SettledPlate, VehiclePass, Wanted
from alpr_edge_agent.passes.quality import cut, sharpness
from alpr_edge_agent.recognize import PlateView, Reading, Recognizer, RecognizerSettings, open_recognizer
from alpr_plates.text import fold, normalize
from alpr_simulator.compression import through_h264
from alpr_simulator.pseudo import pseudo_pass
from alpr_simulator.scene import Scene, Simulation

FPS = 10
START = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = [
    "# Vehicle passes",
    "",
    "Written by `make bench-passes`; how to read it is said in `tests/bench/passes.py`.",
    "",
]
DAPPLE = 0.6
"""In this share of the frames a patch of sun or shadow lies over a character or so: each frame fails in its own way."""
READABLE_PX = 30
"""Narrower plates count for nobody: they are not read (`AnalysisSettings.min_plate_width_px`)."""


@dataclass(frozen=True)
class Seen:
    """One frame as every variant gets it: boxes, and the reading and sharpness of each."""

    detections: Detections
    readings: tuple[Reading | None, ...]
    sharp: tuple[float, ...]
    size: tuple[int, int]


@dataclass(frozen=True)
class Case:
    """One pass: what is true, and what was seen. `boxes` is the true plate a frame (None: not in view)."""

    name: str
    text: str
    boxes: tuple[tuple[float, float, float, float] | None, ...]
    frames: tuple[Seen, ...]


@dataclass
class Result:
    """What a run of the analysis said of one case."""

    case: Case
    plates: list[SettledPlate] = field(default_factory=list)
    passes: list[VehiclePass] = field(default_factory=list)
    corrected: int = 0
    reads: int = 0

    @property
    def own(self) -> list[SettledPlate]:
        """Events of the vehicle in question, the first first; the rest are extra."""
        return [plate for plate in self.plates if _is_at(plate, self.case)]

    @property
    def right(self) -> bool:
        """Its first event says its plate."""
        return bool(self.own) and self.own[0].text == self.case.text


def simulated(seeds: Iterable[int], eyes: Eyes) -> Iterator[Case]:
    """One vehicle's drive through a scene of its own, compressed as a camera would."""
    for seed in seeds:
        simulation = Simulation(
            Scene(
                seed, seconds=2.8, fps=FPS, width=960, height=540, zoom=2.2, occupancy=0.85, vehicles=1, dapple=DAPPLE
            )
        )
        (vehicle,) = simulation.truth.vehicles
        where = {sight.frame: sight.box for sight in vehicle.sights if sight.visibility >= 0.5}
        frames = through_h264(simulation.frames(), FPS)
        seen = tuple(eyes.look(image) for image in frames)
        yield Case(f"seed {seed}", vehicle.text, tuple(where.get(i) for i in range(len(seen))), seen)


def pseudo(folder: Path, eyes: Eyes) -> Iterator[Case]:
    """Each labelled photo as a vehicle that comes nearer."""
    with (folder / "photos.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        image = cv2.imread(str(folder / row["path"]))
        if image is None:
            raise SystemExit(f"{folder / row['path']}: cannot be read; check the folder given by --photos")
        x, y = float(row["x"]), float(row["y"])
        box = (x, y, x + float(row["width"]), y + float(row["height"]))
        made = pseudo_pass(np.asarray(image, np.uint8), box, number, fps=FPS)
        yield Case(row["path"], normalize(row["text"]), made.boxes, tuple(eyes.look(frame) for frame in made.frames))


class Eyes:
    """Detector and recognizer; everything that is seen is read, so that any schedule can be tried on it."""

    def __init__(self, detector: Detector, recognizer: Recognizer) -> None:
        self._detector = detector
        self._recognizer = recognizer

    def look(self, image: BgrImage) -> Seen:
        """All of one frame."""
        found = self._detector.detect([image])[0]
        boxes = [Box(*map(float, row)) for row in found.boxes]
        readings = self._recognizer.read([PlateView(image, box) for box in boxes])
        sharp = tuple(sharpness(cut(image, box)) for box in boxes)
        return Seen(found, tuple(readings), sharp, (image.shape[1], image.shape[0]))


def analyse(case: Case, settings: AnalysisSettings) -> Result:
    """The pass through the whole analysis: tracks, schedule, fusion, settling."""
    analysis = CameraAnalysis(settings)
    result = Result(case)
    for number, seen in enumerate(case.frames):
        info = FrameInfo("bench", case.name, number, START + timedelta(seconds=number / FPS), *seen.size)
        wanted = analysis.observe(info, seen.detections)
        chosen = [_row(seen.detections, want) for want in wanted]
        result.reads += len(chosen)
        readings, sharp = [seen.readings[i] for i in chosen], [seen.sharp[i] for i in chosen]
        _note(result, analysis.absorb(info, wanted, readings, sharp))
    _note(result, analysis.finish())
    return result


def _row(detections: Detections, want: Wanted) -> int:
    box = np.array([want.box.x1, want.box.y1, want.box.x2, want.box.y2])
    return int(np.abs(detections.boxes - box).sum(axis=1).argmin())


def _note(result: Result, outcome: Outcome) -> None:
    published = {plate.track: plate.text for plate in result.plates}
    result.corrected += sum(published.get(plate.track, plate.text) != plate.text for plate in outcome.plates)
    result.corrected += sum(
        vehicle.plate is not None and published.get(vehicle.track, vehicle.plate.text) != vehicle.plate.text
        for vehicle in outcome.passes
    )
    result.plates += outcome.plates
    result.passes += outcome.passes


def _is_at(plate: SettledPlate, case: Case) -> bool:
    box = case.boxes[plate.shot.number] if plate.shot.number < len(case.boxes) else None
    if box is None:
        return False
    return _overlap(box, (plate.box.x1, plate.box.y1, plate.box.x2, plate.box.y2)) > 0.2


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over the smaller of the two areas."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return width * height / smaller if width > 0 and height > 0 and smaller > 0 else 0.0


def own_readings(case: Case) -> list[Reading]:
    """Every reading of the vehicle's plate, over all frames, tracked or not: what the single-frame variants see."""
    found: list[Reading] = []
    for box, seen in zip(case.boxes, case.frames, strict=True):
        if box is None:
            continue
        for row, reading in zip(seen.detections.boxes, seen.readings, strict=True):
            wide = row[2] - row[0] >= READABLE_PX
            if reading is not None and wide and _overlap(box, tuple(map(float, row))) > 0.2:
                found.append(reading)
    return found


@dataclass(frozen=True)
class Tally:
    """Counts over one set of passes."""

    name: str
    passes: int
    unread: int
    fused: list[bool]
    single: list[bool]
    oracle: int
    folded: int
    emitted: int
    duplicates: int
    extra: int
    corrected: int
    reads: int
    calibration: float
    sure: tuple[int, int]

    @property
    def removed(self) -> float:
        """Share of the single frame's wrong passes that fusion has less of."""
        wrong = len(self.single) - sum(self.single)
        return (sum(self.fused) - sum(self.single)) / wrong if wrong else 0.0

    def lines(self) -> list[str]:
        """A table in Markdown."""
        n, right = self.passes, sum(self.fused)
        gained = sum(f and not s for f, s in zip(self.fused, self.single, strict=True))
        lost = sum(s and not f for f, s in zip(self.fused, self.single, strict=True))
        return [
            f"### {self.name}: {n} passes at {FPS} frames/s",
            "",
            "| what | figure |",
            "|---|---|",
            f"| right readings ÷ passes, fused | {right}/{n} = {right / n:.1%} |",
            f"| the same with look-alikes folded | {self.folded}/{n} = {self.folded / n:.1%} |",
            f"| precision: right ÷ emitted | {right}/{self.emitted} = {right / max(1, self.emitted):.1%} |",
            f"| right, most confident single frame | {sum(self.single)}/{n} = {sum(self.single) / n:.1%} |",
            f"| right in any frame (oracle) | {self.oracle}/{n} = {self.oracle / n:.1%} |",
            f"| paired: only fusion right / only the single frame right | {gained} / {lost} |",
            f"| wrong passes of the single frame that fusion removes | {self.removed:.0%} |",
            f"| at the default `min_confidence`: right / emitted | {self.sure[0]} / {self.sure[1]} |",
            f"| passes with no reading in any frame | {self.unread} |",
            f"| duplicates a pass | {self.duplicates / n:.3f} |",
            f"| extra events | {self.extra} |",
            f"| events corrected after publishing | {self.corrected} |",
            f"| expected calibration error of the events | {self.calibration:.3f} |",
            f"| readings made a pass | {self.reads / n:.1f} |",
            "",
        ]


def tally(name: str, cases: Sequence[Case]) -> Tally:
    """Run every variant on `cases`: without a threshold, as the single frame has none, and with the default one."""
    results = [analyse(case, AnalysisSettings(min_confidence=0.0)) for case in cases]
    sure = [analyse(case, AnalysisSettings()) for case in cases]
    readings = [own_readings(case) for case in cases]
    single = [
        bool(own) and max(own, key=lambda r: r.confidence).text == case.text
        for own, case in zip(readings, cases, strict=True)
    ]
    return Tally(
        name=name,
        passes=len(cases),
        unread=sum(not own for own in readings),
        fused=[result.right for result in results],
        single=single,
        oracle=sum(any(r.text == c.text for r in own) for own, c in zip(readings, cases, strict=True)),
        folded=sum(bool(r.own) and fold(r.own[0].text) == fold(r.case.text) for r in results),
        emitted=sum(len(result.plates) for result in results),
        duplicates=sum(max(0, len(result.own) - 1) for result in results),
        extra=sum(len(result.plates) - len(result.own) for result in results),
        corrected=sum(result.corrected for result in results),
        reads=sum(result.reads for result in results),
        calibration=_calibration([(r.own[0].confidence, r.right) for r in results if r.own]),
        sure=(sum(result.right for result in sure), sum(len(result.plates) for result in sure)),
    )


def _calibration(events: Sequence[tuple[float, bool]], bins: int = 8) -> float:
    """Expected calibration error over bins of equally many events: what they claimed against how many were right."""
    ranked = np.array(sorted(events), float)
    parts = [part for part in np.array_split(ranked, bins) if len(part)]
    return float(sum(abs(part[:, 0].mean() - part[:, 1].mean()) * len(part) for part in parts) / max(1, len(ranked)))


Cases = tuple[list[Case], list[Case]]
"""Simulated and pseudo-passes."""


def collect(seeds: Iterable[int], photos: Path | None) -> Cases:
    """All frames through detector and recognizer, once."""
    eyes = Eyes(open_detector(DetectorSettings()), open_recognizer(RecognizerSettings()))
    drives = list(simulated(seeds, eyes))
    return drives, list(pseudo(photos, eyes)) if photos else []


def verdict(drives: Tally, photos: Tally | None) -> list[str]:
    """What does not hold; empty when all does."""
    wrong: list[str] = []
    if drives.removed < 0.3:
        wrong.append(f"fusion removes {drives.removed:.0%} of the single frame's wrong simulated passes, not 30 %")
    if photos is not None and sum(photos.fused) < sum(photos.single):
        wrong.append(f"fusion is worse on pseudo-passes: {sum(photos.fused)} right against {sum(photos.single)}")
    if drives.corrected or (photos is not None and photos.corrected):
        wrong.append("events were corrected after publishing")
    return wrong


def _cached(keep: Path | None, make: Callable[[], Cases]) -> Cases:
    """What `make` gives, kept in the file `keep` between runs: to try another fusion on the same frames."""
    if keep is not None and keep.is_file():
        kept: Cases = pickle.loads(keep.read_bytes())  # noqa: S301 - a file of our own, named by whoever runs this
        return kept
    cases = make()
    if keep is not None:
        keep.write_bytes(pickle.dumps(cases))
    return cases


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, default=Path("../shared/real-photos"), help="folder with photos.csv")
    parser.add_argument("--first-seed", type=int, default=1, help="1 is judged; 1000 and above is for development")
    parser.add_argument("--count", type=int, default=200, help="simulated passes")
    parser.add_argument("--keep", type=Path, help="keep boxes and readings in this file between runs")
    parser.add_argument("--write", type=Path, help="write the figures there too, as Markdown")
    return parser.parse_args()


def main() -> int:
    """Run, print, write the figures; 0 when everything that is promised holds."""
    options = _options()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    started = time.process_time()
    folder = options.photos if (options.photos / "photos.csv").is_file() else None
    seeds = range(options.first_seed, options.first_seed + options.count)
    cases, pseudo_cases = _cached(options.keep, lambda: collect(seeds, folder))
    drives = tally("Simulated passes", cases)
    photos = tally("Pseudo-passes from real photos", pseudo_cases) if pseudo_cases else None
    lines = [
        *drives.lines(),
        *(photos.lines() if photos else ["Pseudo-passes: not run, no photos.csv at --photos.", ""]),
    ]
    lines.append(f"Seeds {seeds.start} to {seeds.stop - 1}; {time.process_time() - started:.0f} CPU-seconds.")
    print("\n".join(lines))
    if options.write:
        options.write.write_text("\n".join([*HEAD, *lines, ""]), "utf-8")
    problems = verdict(drives, photos)
    print("\n".join(f"FAILS: {problem}" for problem in problems) or "All that is promised holds.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
