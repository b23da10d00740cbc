"""The whole event path under fifty faults: from outboxes to rows, documents and the ledger, with nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
CHAOS = Path(__file__).parents[1] / "chaos/eventpath.py"


@pytest.mark.timeout(600)
def test_fifty_faults_lose_and_double_nothing(tmp_path):
    environment = {**os.environ, "CHAOS_FAULTS": "50"}
    command = [sys.executable, str(CHAOS), "--folder", str(tmp_path), "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    assert "chaos-eventpath: holds" in done.stdout
