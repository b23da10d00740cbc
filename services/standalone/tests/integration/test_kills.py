"""The short form of `make chaos-edge`."""

import pytest

from alpr_simulator.demo import ensure_demo_clip
from alpr_standalone.sources import manifests_for_demo
from alpr_testing.chaos import Upped, kill_many
from alpr_testing.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def test_what_the_outbox_took_is_stored_once_through_kills(tmp_path):
    tmp_path.chmod(0o755)
    manifests = manifests_for_demo(tmp_path / "site", ensure_demo_clip(tmp_path / "clip"))
    upped = Upped(tmp_path / "data", manifests, free_port())
    try:
        report = kill_many(upped, kills=6, seed=7, pause_s=(3.0, 8.0), tell=print)
    finally:
        upped.stop()
    assert report.holds, str(report)
