"""The pipeline's two models: opened at the start, and swapped for others while the streams go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from alpr_edge_agent.detect import Detector
from alpr_edge_agent.errors import EdgeError, ModelUnavailable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.models.applied import applied_models
from alpr_edge_agent.models.chosen import CHOICE, ChosenModel, ChosenModels, read_chosen, with_models
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.recognize import Recognizer
from alpr_schemas.resources import AssignedModels

log = structlog.get_logger(__name__)
OpenDetector = Callable[[PipelineSettings], Detector]
OpenRecognizer = Callable[[PipelineSettings], Recognizer]
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Engines:
    """A detector and a recognizer with their weights loaded, and how reports name them."""

    detector: Detector
    recognizer: Recognizer
    applied: AssignedModels


class EngineRoom:
    """Opens engines as `chosen.json` says; the loop's thread calls it, opening happens in another."""

    def __init__(
        self,
        settings: PipelineSettings,
        open_detector: OpenDetector,
        open_recognizer: OpenRecognizer,
        board: StatusBoard,
    ) -> None:
        self._settings = settings
        self._open_detector = open_detector
        self._open_recognizer = open_recognizer
        self._board = board
        self._folder = EdgeFolder(settings.data).models
        self._stamp: object = None
        self._running = ChosenModels()
        self._opening: threading.Thread | None = None
        self._opened: list[tuple[ChosenModels, Engines]] = []

    def first(self, stop: threading.Event) -> Engines | None:
        """The chosen engines, else the ones before, else the settings' own; None where `stop` came first.

        Where none can be opened it waits for another choice, unless the settings say `once`: then the last error is
        raised.
        """
        while not stop.is_set():
            self._stamp = _stamp(self._folder / CHOICE)
            chosen = read_chosen(self._folder)
            try:
                return self._first_of([chosen.pair, chosen.previous, ChosenModels()])
            except EdgeError as e:
                if self._settings.once:
                    raise
                self._board.problem("models", str(e))
            while _stamp(self._folder / CHOICE) == self._stamp and not stop.wait(LOOK_EVERY_S):
                pass
        return None

    def changed(self) -> Engines | None:
        """New engines once, as soon as they are open after the choice changed. Cheap."""
        stamp = _stamp(self._folder / CHOICE)
        if stamp != self._stamp and self._opening is None:
            self._stamp = stamp
            wanted = read_chosen(self._folder).pair
            if wanted != self._running:
                self._opening = threading.Thread(target=self._open, args=(wanted,), name="engines", daemon=True)
                self._opening.start()
        if self._opening is None or self._opening.is_alive():
            return None
        self._opening = None
        if not self._opened:
            return None
        self._running, engines = self._opened.pop()
        return engines

    def _first_of(self, choices: Sequence[ChosenModels]) -> Engines:
        problem: EdgeError | None = None
        for choice in choices:
            try:
                engines = self._engines(choice)
            except EdgeError as e:
                log.error("models_not_opened", choice=_names(choice), reason=str(e))  # noqa: TRY400 - it says what to do
                problem = problem or e
                continue
            self._running = choice
            self._board.problem("models", str(problem) if problem else None)
            return engines
        raise problem or ModelUnavailable("no models are named")

    def _open(self, choice: ChosenModels) -> None:
        try:
            engines = self._engines(choice)
        except EdgeError as e:
            self._board.problem("models", str(e))
            return
        except Exception:
            log.exception("models_not_opened", choice=_names(choice))
            self._board.problem("models", "an error of ours kept the new models from opening; see the log")
            return
        self._board.problem("models", None)
        self._opened.append((choice, engines))

    def _engines(self, choice: ChosenModels) -> Engines:
        settings = with_models(self._settings, choice)
        detector, recognizer = self._open_detector(settings), self._open_recognizer(settings)
        for model, digest in ((choice.detector, detector.digest), (choice.reader, recognizer.digest)):
            _check(model, digest)
        names = [
            model.name if model else default
            for model, default in (
                (choice.detector, settings.detector.model),
                (choice.reader, settings.recognizer.model),
            )
        ]
        return Engines(
            detector,
            recognizer,
            applied_models((names[0], detector.digest), (names[1], recognizer.digest)),
        )


def _check(model: ChosenModel | None, digest: str) -> None:
    if model is not None and model.digest != digest:
        raise ModelUnavailable(f"{model.file} has the digest {digest}, not {model.digest}: it is damaged on disk")


def _names(choice: ChosenModels) -> list[str]:
    return [model.name for model in (choice.detector, choice.reader) if model is not None]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
