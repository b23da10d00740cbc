"""`kubectl alpr` beside a running operator: what a person does and reads is what happens."""

import json
import os
import re
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from alpr_testing.objects import TestSite

pytestmark = pytest.mark.integration


@pytest.fixture
def alpr(control_plane):
    """Runs a command line such as `kubectl alpr status`, as a person's shell would."""
    path = f"{Path(sys.executable).parent}:{control_plane.programs}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(control_plane.kubeconfig)}

    def run(line, *, code=0):
        done = subprocess.run(shlex.split(line), env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout

    return run


def test_site_without_the_right_says_the_command_that_mends_it(operator, objects, alpr):
    site = TestSite(objects, f"s{uuid.uuid4().hex[:8]}").made(access=False, timezone="Europe/Berlin")
    site.node(f"{site.name}-n1")
    site.camera("gate-1")
    site.until(lambda: site.site_told("Stalled") == ("True", "NoAccess"), 20, "the site says that it lacks the right")
    message = next(one["message"] for one in site.site()["status"]["conditions"] if one["type"] == "Stalled")
    command = re.search(r"run: (kubectl alpr .*?)\s+\(", message).group(1)
    assert f"is stalled (NoAccess).\n  → run: {command}" in alpr(f"kubectl alpr why gate-1 -n {site.name}")
    alpr(command)
    site.until_placed(["gate-1"], 60)
    assert site.site()["spec"]["timezone"] == "Europe/Berlin"
    site.until(lambda: site.site_told("Stalled")[0] == "False", 20, "the site is stalled no more")
    site.unmade()


def test_move_drain_and_pause_do_what_they_say(operator, site, alpr):
    one, two = f"{site.name}-n1", f"{site.name}-n2"
    site.node(one)
    site.camera("gate-1")
    site.until_placed(["gate-1"])
    site.ack()
    site.node(two)
    site.until(lambda: f"on node {one}" in alpr(f"kubectl alpr why {site.name}/gate-1"), 20, "why says the node")

    assert alpr(f"kubectl alpr move gate-1 {two} -n {site.name}") == f"gate-1 is pinned to {two}\n"
    site.until(lambda: site.told("gate-1", "Assigned") == ("False", "Releasing"), 20, "the camera leaves first")
    assert f"until node {one} has let it go" in alpr(f"kubectl alpr why {site.name}/gate-1")
    site.ack()
    site.until(lambda: site.placed().get("gate-1", ("", 0))[0] == two, 20, "the camera has moved")
    rows = json.loads(alpr(f"kubectl alpr cameras -n {site.name} -o json"))
    assert [row["pinned"] for row in rows] == [two]

    alpr(f"kubectl alpr move gate-1 --unpin -n {site.name}")
    site.ack()
    alpr(f"kubectl alpr drain {two}")
    site.until(lambda: "gate-1" not in site.placed(), 20, "the camera leaves the drained node")
    site.ack()
    assert alpr(f"kubectl alpr drain {two} --wait --timeout 20").endswith(f"{two} serves no camera any more\n")
    site.until(lambda: site.placed().get("gate-1", ("", 0))[0] == one, 20, "the camera has moved back")

    alpr(f"kubectl alpr pause -n {site.name}")
    site.until(lambda: "Paused" in alpr(f"kubectl alpr status -n {site.name}"), 10, "the site is paused")
    alpr(f"kubectl alpr drain {two} --undo")
    alpr(f"kubectl alpr move gate-1 {two} -n {site.name}")
    assert site.placed()["gate-1"][0] == one
    alpr(f"kubectl alpr resume -n {site.name}")
    site.until(lambda: site.told("gate-1", "Assigned") == ("False", "Releasing"), 20, "the pause is over")


def test_why_tells_the_planners_own_numbers(operator, site, alpr):
    site.node(f"{site.name}-n1")
    site.camera("big", costUnits=500)
    site.until(lambda: site.told("big", "Assigned") == ("False", "InsufficientCapacity"), 20, "there is no room")
    text = alpr(f"kubectl alpr why big -n {site.name}")
    assert "needs 500 units" in text
    assert "free of" in text
    assert "→ add a node" in text
    assert "kubectl label node NODE" not in text
