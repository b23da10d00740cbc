"""A short run of the chaos; the long one is `make chaos-operator`."""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(500)]


def ran(folder, *arguments):
    command = [sys.executable, "tests/chaos/operator_faults.py", "--keep", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_38_half_a_minute_of_seeded_faults_breaks_no_invariant(tmp_path):
    done = ran(tmp_path, "--minutes", "0.5", "--seed", "38")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "0 of them wrong" in done.stdout


@pytest.mark.long
def test_38_three_minutes_of_seeded_faults_break_no_invariant(tmp_path):
    done = ran(tmp_path, "--minutes", "3", "--seed", "39")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
