"""A disk that fills up while plates are read: nothing stored is lost, and work goes on when there is room again."""

import os
import subprocess

import pytest

from alpr_simulator.demo import ensure_demo_clip
from alpr_standalone.sources import manifests_for_demo
from alpr_testing.chaos import KillReport, Upped, compare, settled, witness
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk"),
]


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path):
    with path.open("wb", buffering=0) as out:  # what a buffer still held would fail once more when it is closed
        try:
            while True:
                out.write(bytes(1 << 16))
        except OSError:
            return


def counted(data):
    report = KillReport()
    compare(data, report)
    return report


def test_a_full_disk_delays_and_loses_nothing(tmp_path, small_disk):
    manifests = manifests_for_demo(tmp_path / "site", ensure_demo_clip(tmp_path / "clip"))
    upped = Upped(small_disk / "data", manifests, free_port())
    try:
        upped.start()
        witness(upped.data)
        until(lambda: counted(upped.data).stored, 90, "the first events")
        fill(small_disk / "ballast")
        log = upped.data / "logs" / "pipeline.log"
        until(lambda: "No space left" in log.read_text() or "disk is full" in log.read_text(), 60, "the full disk")
        before = len(counted(upped.data).stored)
        (small_disk / "ballast").unlink()
        until(lambda: len(counted(upped.data).stored) > before, 90, "events after the disk had room again")
        until(lambda: settled(upped.data), 60, "the last deliveries")
        report = counted(upped.data)
    finally:
        upped.stop()
    assert report.holds, str(report)
