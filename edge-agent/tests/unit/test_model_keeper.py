"""Models by digest: fetched, tried, chosen, rolled back; with a trial that says what it is told."""

import hashlib
import threading

import pytest

from alpr_edge_agent.agent import model_keeper
from alpr_edge_agent.agent.model_keeper import ModelKeeper, models_condition
from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.errors import TrialFailed
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.models import KNOWN
from alpr_edge_agent.models.chosen import read_chosen
from alpr_edge_agent.pipeline.status import PipelineStatus
from alpr_edge_agent.trial import TrialResult
from alpr_edge_agent.trial.book import TrialBook
from alpr_schemas.resources import AssignedModel, AssignedModels

STOP = threading.Event()


class Shelf:
    """A node, and a folder that models come from."""

    def __init__(self, tmp_path):
        self.source = tmp_path / "source"
        self.source.mkdir()
        self.folder = EdgeFolder(tmp_path / "node")
        self.folder.root.mkdir()
        self.tried = []
        self.scores = {}
        self.settings = NodeSettings(node_name="n1", namespace="yard", data=self.folder.root)
        self.keeper = self.started()

    def started(self):
        return ModelKeeper(self.folder, self.settings, TrialBook(self.folder.trials, "here"), self.trial)

    def trial(self, data, pair, ended):
        name = pair.detector.name if pair.detector else "default"
        self.tried.append(name)
        score = self.scores.get(name, 1.0)
        if isinstance(score, Exception):
            raise score
        return TrialResult(score=score, plates=18, frames=80, cpu_s=4.0, wall_s=8.0)

    def model(self, name, previous=None, digest=None):
        content = f"weights of {name}".encode()
        path = self.source / f"{name}.onnx"
        path.write_bytes(content)
        return AssignedModel(
            name=name,
            url=path.as_uri(),
            digest=digest or digest_of(content),
            previous_digest=previous and previous.digest,
        )

    def want(self, model):
        self.keeper.step(AssignedModels(detector=model), STOP)
        return self.keeper.news.condition

    @property
    def chosen(self):
        chosen = read_chosen(self.folder.models)
        return tuple(one and one.name for one in (chosen.detector, chosen.previous_detector))

    @property
    def files(self):
        return sorted(
            path.read_bytes().decode().removeprefix("weights of ") for path in self.folder.models.glob("*.onnx")
        )


def digest_of(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def test_a_model_is_brought_tried_and_chosen(shelf):
    assert shelf.want(shelf.model("one")).status == "True"
    assert shelf.chosen == ("one", None)
    assert shelf.tried == ["one"]


def test_the_one_before_stays_and_older_ones_go(shelf):
    one, two, three = (shelf.model(name) for name in ("one", "two", "three"))
    for model in (one, two, three):
        shelf.want(model)
    assert shelf.chosen == ("three", "two")
    assert shelf.files == ["three", "two"]


def test_going_back_needs_no_source_and_no_trial(shelf):
    one, two = shelf.model("one"), shelf.model("two")
    shelf.want(one)
    shelf.want(two)
    for path in shelf.source.iterdir():
        path.unlink()
    shelf.tried.clear()
    assert shelf.want(one).status == "True"
    assert shelf.chosen == ("one", "two")
    assert shelf.tried == []


def test_what_is_not_the_named_file_is_not_run(shelf):
    shelf.want(shelf.model("one"))
    condition = shelf.want(shelf.model("two", digest="sha256:" + "0" * 64))
    assert (condition.status, condition.reason) == ("False", "DigestMismatch")
    assert shelf.chosen == ("one", None)
    assert shelf.keeper._retry_at_s == float("inf")


@pytest.mark.parametrize("outcome", [0.3, TrialFailed("the trial's process was ended by signal 11")])
def test_what_fails_its_test_is_not_run_and_not_tried_again_by_itself(shelf, outcome):
    shelf.want(shelf.model("one"))
    shelf.scores["two"] = outcome
    condition = shelf.want(shelf.model("two"))
    assert condition.reason == "SelfTestFailed"
    assert ("30%" in condition.message) or ("signal 11" in condition.message)
    assert shelf.chosen == ("one", None)
    assert shelf.keeper._retry_at_s == float("inf")


def test_what_cannot_be_fetched_is_tried_again(shelf, monkeypatch):
    monkeypatch.setattr(model_keeper, "FIRST_RETRY_S", 0.0)
    gone = shelf.model("gone")
    (shelf.source / "gone.onnx").unlink()
    condition = shelf.want(gone)
    assert condition.reason == "FetchFailed"
    assert "gone.onnx" in condition.message
    assert shelf.keeper._retry_at_s < float("inf")
    shelf.model("gone")
    assert shelf.want(gone).status == "True"


def test_a_model_that_is_too_large_is_not_kept(shelf):
    shelf.settings = shelf.settings.model_copy(update={"model_bytes": 3})
    shelf.keeper = shelf.started()
    assert "larger than 3 bytes" in shelf.want(shelf.model("one")).message
    assert shelf.files == []


def test_a_name_without_a_digest_says_what_to_give(shelf):
    condition = shelf.want(AssignedModel(name="invented"))
    assert "digest and url" in condition.message


def test_the_catalogs_own_model_is_the_default(shelf):
    shelf.want(shelf.model("one"))
    known = KNOWN[0]
    assert shelf.want(AssignedModel(name=known.name)).status == "True"
    assert shelf.chosen == (None, "one")
    assert shelf.want(AssignedModel(name=known.name, digest=f"sha256:{known.sha256}")).status == "True"


def test_a_restart_finds_everything_again(shelf):
    shelf.want(shelf.model("one"))
    shelf.tried.clear()
    shelf.keeper = shelf.started()
    assert shelf.keeper.news.result.score == 1.0
    assert shelf.want(shelf.model("one")).status == "True"
    assert shelf.tried == []


def test_what_runs_is_measured_also_where_its_successor_fails(shelf):
    shelf.scores["two"] = 0.0
    shelf.want(shelf.model("two"))
    assert shelf.tried == ["two", "default"]
    assert shelf.keeper.news.result.score == 1.0


def test_a_pipeline_that_runs_something_else_is_said(shelf):
    shelf.want(shelf.model("one"))
    now = {"updated_at": "2026-01-01T00:00:00Z"}
    other = PipelineStatus.model_validate({**now, "problems": ["it is damaged on disk"]})
    condition = models_condition(shelf.keeper.news, other)
    assert (condition.status, condition.reason) == ("False", "NotRunning")
    assert "damaged" in condition.message
    models = AssignedModels(detector=shelf.model("one"))
    assert models_condition(shelf.keeper.news, PipelineStatus(models=models, **now)).status == "True"


def test_the_thread_follows_the_assignment(shelf, monkeypatch):
    monkeypatch.setattr(model_keeper, "LOOK_EVERY_S", 0.01)
    steps = []
    stop = threading.Event()
    monkeypatch.setattr(shelf.keeper, "step", lambda wanted, _: (steps.append(wanted), stop.set()))
    shelf.keeper.run(stop)
    assert steps == [AssignedModels()]
