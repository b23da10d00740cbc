"""Trials in their own process, with the real models and with files that are none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import structlog

from alpr_edge_agent.errors import TrialFailed
from alpr_edge_agent.models.chosen import ChosenModel, ChosenModels
from alpr_edge_agent.trial import units_of
from alpr_edge_agent.trial.hardware import cores
from alpr_edge_agent.trial.process import run_trial

log = structlog.get_logger(__name__)
pytestmark = pytest.mark.integration


def chosen(folder: Path, content: bytes) -> ChosenModels:
    digest = hashlib.sha256(content).hexdigest()
    path = folder / "models" / f"sha256-{digest}.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return ChosenModels(detector=ChosenModel(name="m", digest=f"sha256:{digest}", file=path.name))


def test_the_default_models_read_the_bundled_clip(tmp_path: Path) -> None:
    result = run_trial(tmp_path, ChosenModels(), lambda _: False)
    units = units_of(result, cores(), on_gpu=False)
    log.info("trial", units=units, **result.model_dump())
    assert result.score >= 0.9
    assert (result.plates, result.frames) == (18, 80)
    assert units >= 1


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x07" * 1000])
def test_what_is_no_model_fails_its_trial(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TrialFailed, match="ONNX Runtime"):
        run_trial(tmp_path, chosen(tmp_path, content), lambda _: False)
