import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.errors import TrialFailed
from alpr_edge_agent.models.chosen import ChosenModel, ChosenModels
from alpr_edge_agent.trial import TrialResult, process, units_of
from alpr_edge_agent.trial.book import KEPT, TrialBook
from alpr_edge_agent.trial.hardware import fingerprint


def result(cpu_s=4.0, wall_s=8.0, frames=80):
    return TrialResult(score=1.0, plates=18, frames=frames, cpu_s=cpu_s, wall_s=wall_s)


def pair(number):
    return ChosenModels(detector=ChosenModel(name="m", digest=f"sha256:{number:064x}", file="m.onnx"))


def test_units_count_processor_time_on_a_processor():
    assert units_of(result(), cores=4, on_gpu=False) == 8
    assert units_of(result(wall_s=80.0), cores=4, on_gpu=False) == 8


def test_units_count_the_time_that_passed_on_a_gpu():
    assert units_of(result(), cores=4, on_gpu=True) == 1
    assert units_of(result(wall_s=0.5), cores=4, on_gpu=True) == 16


@given(st.floats(0.01, 1000), st.floats(0.5, 128), st.booleans())
def test_every_node_has_a_unit_and_more_cores_have_no_fewer(seconds, cores, on_gpu):
    units = units_of(result(seconds, seconds), cores, on_gpu=on_gpu)
    assert 1 <= units <= units_of(result(seconds, seconds), cores * 2, on_gpu=on_gpu)


def test_the_book_keeps_what_was_measured_here(tmp_path):
    book = TrialBook(tmp_path / "trials.json", "here")
    book.note(pair(1), result())
    assert TrialBook(tmp_path / "trials.json", "here").result(pair(1)) == result()
    assert TrialBook(tmp_path / "trials.json", "elsewhere").result(pair(1)) is None
    assert book.result(pair(2)) is None


def test_the_book_forgets_the_oldest(tmp_path):
    book = TrialBook(tmp_path / "trials.json", "here")
    for number in range(KEPT + 3):
        book.note(pair(number), result())
    assert book.result(pair(2)) is None
    assert book.result(pair(KEPT + 2)) is not None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]"])
def test_a_damaged_book_is_begun_anew(tmp_path, damage):
    (tmp_path / "trials.json").write_bytes(damage)
    assert TrialBook(tmp_path / "trials.json", "here").result(pair(1)) is None


def test_another_power_mode_is_another_machine(tmp_path):
    mode = tmp_path / "status"
    mode.write_text("pmode:0000")
    one = fingerprint(4, mode)
    mode.write_text("pmode:0002")
    assert fingerprint(4, mode) != one
    assert fingerprint(6, mode) != fingerprint(4, mode)
    assert fingerprint(4, mode) == fingerprint(4, mode)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("import sys; sys.exit('Error: m.onnx: ONNX Runtime cannot run it')", "m.onnx: ONNX Runtime cannot run it"),
        ("print('hello')", "no result"),
    ],
)
def test_whatever_becomes_of_its_process_is_said(tmp_path, monkeypatch, script, words):
    real = subprocess.Popen
    monkeypatch.setattr(process.subprocess, "Popen", lambda _, **more: real([sys.executable, "-c", script], **more))
    with pytest.raises(TrialFailed, match=words):
        process.run_trial(tmp_path, pair(1), lambda _: False)


def test_an_end_kills_it(tmp_path, monkeypatch):
    real = subprocess.Popen
    script = "import time; time.sleep(60)"
    monkeypatch.setattr(process.subprocess, "Popen", lambda _, **more: real([sys.executable, "-c", script], **more))
    with pytest.raises(TrialFailed, match="signal 9"):
        process.run_trial(tmp_path, pair(1), lambda _: True)
