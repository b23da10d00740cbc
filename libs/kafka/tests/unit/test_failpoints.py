"""A process dies at its failpoint, at the passage that was told, and nowhere else."""

import os
import signal
import subprocess
import sys

import pytest

from alpr_kafka import failpoints

PASSES = "from alpr_kafka.failpoints import reach\nfor n in range(4):\n reach('here')\n print(n, flush=True)\n"


def passed(told):
    environment = {**os.environ, "ALPR_FAILPOINT": told}
    done = subprocess.run([sys.executable, "-c", PASSES], env=environment, capture_output=True, check=False, timeout=60)
    return done.returncode, len(done.stdout.split())


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ("", (0, 4)),
        ("elsewhere", (0, 4)),
        ("here", (-signal.SIGKILL, 0)),
        ("here:3", (-signal.SIGKILL, 2)),
        ("here:9", (0, 4)),
    ],
)
def test_a_process_dies_at_the_passage_that_was_told(told, end):
    assert passed(told) == end


def test_what_is_disarmed_is_passed():
    failpoints.arm("here:1")
    failpoints.arm("")
    assert failpoints._armed == {}
    failpoints.reach("here")
