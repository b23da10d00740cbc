"""The agent's own process imports neither what draws on terminals nor what the pipeline sees with."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from alpr_edge_agent.__main__ import main

_TELL = "; print(json.dumps([name for name, module in sys.modules.items() if module is not None]))"


def imported(code):
    """The modules of a fresh interpreter after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys; {code}{_TELL}"], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_what_is_kept_out_is_not_there():
    assert "rich" not in imported("from alpr_edge_agent.lean import keep_out; keep_out(); import structlog, httpx")


def test_what_was_imported_before_stays():
    code = (
        "import rich; from alpr_edge_agent.lean import keep_out; keep_out(); import rich as again; assert again is rich"
    )
    assert "rich" in imported(code)


def test_the_delivery_learns_http_only_when_it_must_ask():
    heavy = {"httpx", "cv2", "av", "numpy", "onnxruntime", "onnx", "scipy", "PIL"}
    assert not heavy & imported("import alpr_testing.event_sender")


@pytest.mark.parametrize("name", ["agent", "pipeline", "trial"])
def test_each_process_is_found_by_its_name(name):
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output


def test_an_unknown_process_is_named():
    done = CliRunner().invoke(main, ["pipelin"])
    assert done.exit_code == 2
    assert "pipelin" in done.output
