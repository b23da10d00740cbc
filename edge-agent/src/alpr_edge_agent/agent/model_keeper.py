"""Brings the models that the assignment names to this node, tries them, and chooses them for the pipeline.

What runs goes on until another pair has passed its trial. Everything is by digest: to go back is to name the digest
before, which lies on the disk, so it needs no network. Only what cannot be fetched is tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.errors import AssignmentUnreadable, DigestMismatch, EdgeError, FetchFailed, TrialFailed
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.models.catalog import KNOWN
from alpr_edge_agent.models.chosen import CHOICE, ChosenModel, ChosenModels, read_chosen, write_chosen
from alpr_edge_agent.models.fetch import fetch, file_name
from alpr_edge_agent.pipeline.status import PipelineStatus
from alpr_edge_agent.retry import full_jitter
from alpr_edge_agent.trial import TrialResult
from alpr_edge_agent.trial.book import TrialBook
from alpr_edge_agent.trial.process import run_trial
from alpr_schemas.resources import AssignedModel, AssignedModels, Condition

if TYPE_CHECKING:
    from alpr_images.store import BucketAccess

LOOK_EVERY_S = 0.5
FIRST_RETRY_S = 5.0
MOST_RETRY_S = 600.0
log = structlog.get_logger(__name__)
Trial = Callable[[Path, ChosenModels, Callable[[float], bool]], TrialResult]
_REASONS: dict[type[EdgeError], str] = {
    FetchFailed: "FetchFailed",
    DigestMismatch: "DigestMismatch",
    TrialFailed: "SelfTestFailed",
}


@dataclass(frozen=True, slots=True)
class ModelNews:
    """How the models are: for the report.

    Attributes:
        condition: whether what the assignment names is what was chosen.
        chosen: what the pipeline shall run.
        result: the trial of that; None while it has not been measured on this hardware.
    """

    condition: Condition
    chosen: ChosenModels
    result: TrialResult | None


class ModelKeeper:
    """One node's models; one thread runs it, any may read `news`."""

    def __init__(self, folder: EdgeFolder, settings: NodeSettings, book: TrialBook, trial: Trial = run_trial) -> None:
        self._folder = folder
        self._settings = settings
        self._book = book
        self._trial = trial
        self._handled: AssignedModels | None = None
        self._retry_at_s = float("inf")
        self._failures = 0
        chosen = read_chosen(folder.models)
        self._news = ModelNews(_condition("Unknown", "NotLooked"), chosen, book.result(chosen.pair))

    @property
    def news(self) -> ModelNews:
        """The newest."""
        return self._news

    def run(self, stop: threading.Event) -> None:
        """Follow the assignment on disk until `stop`."""
        while not stop.is_set():
            wanted = self._wanted()
            if wanted != self._handled or time.monotonic() >= self._retry_at_s:
                if wanted != self._handled:
                    self._failures = 0
                self._handled = wanted
                self.step(wanted, stop)
            stop.wait(LOOK_EVERY_S)

    def step(self, wanted: AssignedModels, stop: threading.Event) -> None:
        """Bring, try and choose `wanted` once; what goes wrong is in `news`. Blocks for as long as that takes."""
        self._retry_at_s = float("inf")
        if not self._failures:
            self._say(_condition("False", "Fetching", "models are being fetched or tried; the ones before go on"))
        try:
            self._bring(wanted, stop)
        except (EdgeError, OSError) as e:
            if stop.is_set():
                return
            self._failed(e)
        else:
            self._failures = 0
            self._say(_condition("True", "Ready"))
        self._measure_running(stop)

    def _bring(self, wanted: AssignedModels, stop: threading.Event) -> None:
        pair = ChosenModels(
            detector=self._present(wanted.detector, "detector", stop),
            reader=self._present(wanted.reader, "recognizer", stop),
        )
        result = self._tried(pair, stop)
        least = self._settings.self_test_score
        if result.score < least:
            raise TrialFailed(
                f"{_names(pair)} read {result.score:.0%} of the {result.plates} plates of the self-test, {least:.0%}"
                " are needed; what ran before goes on"
            )
        before = read_chosen(self._folder.models)
        chosen = before.followed_by(pair)
        if chosen != before:
            write_chosen(self._folder.models, chosen)
            log.info("models_chosen", models=_names(pair), score=result.score)
        self._prune(chosen, wanted)

    def _present(self, model: AssignedModel | None, role: str, stop: threading.Event) -> ChosenModel | None:
        """`model` on this disk; None where the pipeline's own default is meant."""
        if model is None or any(known.role == role and _is(known.name, known.sha256, model) for known in KNOWN):
            return None
        if model.digest is None:
            raise DigestMismatch(f"the {role} {model.name} has no digest; give spec.models its digest and url")
        name = self._on_disk(model.digest) or file_name(model.digest, model.url or "")
        path = self._folder.models / name
        if not path.exists():
            self._fetch(model, path, stop)
        return ChosenModel(name=model.name, digest=model.digest, file=name)

    def _fetch(self, model: AssignedModel, path: Path, stop: threading.Event) -> None:
        if model.url is None or model.digest is None:
            raise FetchFailed(f"model {model.name} is not on this node and has no url; give it one")
        log.info("model_fetch_started", model=model.name, digest=model.digest)
        limit, access = self._settings.model_bytes, _access(self._settings)
        fetch(model.url, model.digest, path, max_bytes=limit, ended=stop.is_set, access=access)
        log.info("model_fetched", model=model.name, size_bytes=path.stat().st_size)

    def _on_disk(self, digest: str) -> str | None:
        if not self._folder.models.is_dir():
            return None
        stem = digest.replace(":", "-")
        return next((p.name for p in self._folder.models.iterdir() if p.stem == stem), None)

    def _tried(self, pair: ChosenModels, stop: threading.Event) -> TrialResult:
        known = self._book.result(pair)
        if known is not None:
            return known
        result = self._trial(self._folder.root, pair, stop.wait)
        self._book.note(pair, result)
        log.info("models_tried", models=_names(pair), **result.model_dump())
        return result

    def _measure_running(self, stop: threading.Event) -> None:
        """What runs is measured too, where that was never done on this hardware: its capacity counts."""
        chosen = read_chosen(self._folder.models)
        try:
            result = self._tried(chosen.pair, stop)
        except EdgeError as e:
            log.warning("running_models_not_measured", reason=str(e))
            return
        self._news = ModelNews(self._news.condition, chosen, result)

    def _failed(self, error: EdgeError | OSError) -> None:
        reason = _REASONS.get(type(error), "NotKept") if isinstance(error, EdgeError) else "NotKept"
        text = str(error) if isinstance(error, EdgeError) else f"the disk took no model ({error.strerror}); free space"
        if reason in {"FetchFailed", "NotKept"}:
            wait_s = 1.0 + full_jitter(self._failures, FIRST_RETRY_S, MOST_RETRY_S)
            self._failures += 1
            self._retry_at_s = time.monotonic() + wait_s
        log.error("models_not_ready", reason=reason, message=text)
        self._say(_condition("False", reason, text[:1024]))

    def _prune(self, chosen: ChosenModels, wanted: AssignedModels) -> None:
        """Keep the chosen ones, the ones before and what is wanted; the rest goes."""
        ours = (chosen.detector, chosen.reader, chosen.previous_detector, chosen.previous_reader)
        digests = {one.digest for one in ours if one is not None}
        digests |= {
            d for model in (wanted.detector, wanted.reader) if model for d in (model.digest, model.previous_digest) if d
        }
        kept = {digest.replace(":", "-") for digest in digests}
        for path in self._folder.models.iterdir() if self._folder.models.is_dir() else ():
            if path.is_file() and path.name != CHOICE and path.stem not in kept:
                path.unlink(missing_ok=True)
                log.info("old_model_removed", file=path.name)

    def _wanted(self) -> AssignedModels:
        try:
            return read_assignment(self._folder.assignment).spec.models
        except AssignmentUnreadable:
            return AssignedModels()

    def _say(self, condition: Condition) -> None:
        chosen = read_chosen(self._folder.models)
        self._news = ModelNews(condition, chosen, self._book.result(chosen.pair))


def models_condition(news: ModelNews, pipeline: PipelineStatus | None) -> Condition:
    """`news` as a condition, and False as well while the pipeline does not run what was chosen for it. Pure."""
    if news.condition.status != "True" or pipeline is None:
        return news.condition
    running = {model.digest for model in (pipeline.models.detector, pipeline.models.reader) if model is not None}
    chosen = {model.digest for model in (news.chosen.detector, news.chosen.reader) if model is not None}
    if chosen <= running:
        return news.condition
    said = "; ".join(pipeline.problems) or "it opens them now"
    return _condition("False", "NotRunning", f"the pipeline does not run what was chosen: {said}"[:1024])


def _access(settings: NodeSettings) -> BucketAccess | None:
    """Models lie in the store that pictures go to, where the agent has been told of one."""
    if settings.images_endpoint is None and settings.images_credentials_file is None:
        return None
    from alpr_images.store import BucketAccess

    return BucketAccess(settings.images_endpoint, settings.images_region, settings.images_credentials_file)


def _is(name: str, sha256: str, model: AssignedModel) -> bool:
    """Whether `model` is the one of the catalog, which every node opens without a file of its own."""
    if model.digest is None:
        return model.name == name
    return model.digest == f"sha256:{sha256}" and model.url is None


def _names(pair: ChosenModels) -> str:
    return " and ".join(model.name for model in (pair.detector, pair.reader) if model is not None) or "the defaults"


def _condition(status: str, reason: str, message: str = "") -> Condition:
    return Condition.model_validate({"type": "ModelsReady", "status": status, "reason": reason, "message": message})
