"""The invented traffic: durable, witnessed, and never the same event twice."""

import signal
import subprocess
import sys

import pytest

from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_schemas import codec
from alpr_testing.event_load import put_witness, witnessed
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


def test_what_it_put_before_a_kill_is_in_the_box_and_in_the_witness(tmp_path):
    path = tmp_path / "outbox.db"
    put_witness(path)
    for seed in (1, 2):
        before = sum(1 for _ in witnessed(path))
        command = [
            sys.executable,
            "-m",
            "alpr_testing.event_load",
            str(path),
            "n-1",
            "--rate",
            "500",
            "--seed",
            str(seed),
        ]
        with subprocess.Popen(command) as process:
            until(lambda before=before: sum(1 for _ in witnessed(path)) > before + 100, 20, "a hundred more events")
            process.send_signal(signal.SIGKILL)
    noted = list(witnessed(path))
    assert len({one.event_id for one in noted}) == len(noted)
    assert len({one.boot_id for one in noted}) == 2
    reader = OutboxReader(path)
    rows = reader.peek(100_000)
    reader.close()
    events = [codec.decode(row.topic, row.payload) for row in rows]
    assert sorted(event.event_id for event in events) == sorted(str(one.event_id) for one in noted)
