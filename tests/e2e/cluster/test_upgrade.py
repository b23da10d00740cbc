"""From the release before to this checkout and back, while events flow: nothing is lost, nothing is doubled.

The release is the tag v0.1.0, or its commit where a clone has no tags. Its images are built from its own sources, once.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpr_testing.cluster import (
    REPOSITORY,
    SYSTEM,
    Cluster,
    Image,
    central_values,
    own_images,
    running_cluster,
    stand_ins,
)
from alpr_testing.outside_agents import OutsideAgents, running_agents
from alpr_testing.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

BEFORE, COMMIT = "v0.1.0", "d03aad63c193b52bc1e0d08dcafe6f52c7702ab7"
SMALL = ("values-small.yaml",)
RELEASES = ("alpr-central", "alpr-services", "alpr-operator")
CENTRAL = (
    "operator", "query-api", "storage-consumer", "search-indexer", "dlq-consumer", "metrics-consumer", "setup",
)  # fmt: skip
RATE = 100.0
EDGE_PORT = 30094


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout of the release before, with this one's virtual environment."""
    folder = tmp_path_factory.mktemp("before") / "checkout"
    known = subprocess.run(["git", "rev-parse", "-q", "--verify", f"{BEFORE}^{{commit}}"], cwd=REPOSITORY, check=False,
                           capture_output=True, text=True)  # fmt: skip
    commit = known.stdout.strip() or COMMIT
    subprocess.run(["git", "worktree", "add", "--detach", str(folder), commit], cwd=REPOSITORY, check=True)
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    yield folder
    subprocess.run(["git", "worktree", "remove", "--force", str(folder)], cwd=REPOSITORY, check=True)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, before: Path) -> Iterator[Cluster]:
    """A node with the images of both: the older ones as their own charts name them, ours under the tag `now`."""
    ours = own_images(components=CENTRAL)
    now = [Image(f"{image.name.partition(':')[0]}:now", image.archive) for image in ours]
    folder: Path = tmp_path_factory.mktemp("cluster")
    with running_cluster(folder, [*now, *built_before(before), *stand_ins()]) as made:
        yield made


def built_before(checkout: Path) -> list[Image]:
    """Images of `checkout`, in a cache of its own beside ours, on our base."""
    return own_images(checkout, f"images-{BEFORE}", CENTRAL)


def servers(cluster: Cluster) -> dict[str, Any]:
    """Without TLS: agents outside of the cluster reach its registry by address. The mission's test has TLS."""
    values = central_values(cluster.folder / "data")
    edge = {"enabled": True, "host": cluster.node.address, "nodePort": EDGE_PORT}
    values["kafka"]["bundled"]["external"] = edge
    return values | {"tls": {"enabled": False}}


def tagged(tag: str) -> dict[str, dict[str, Any]]:
    """Values that name our images by `tag`, by release; the charts' own where it is empty."""
    parts = ("queryApi", "storageConsumer", "searchIndexer", "dlqConsumer", "metricsConsumer", "prepare")
    services = {part: {"image": {"tag": tag}} for part in parts}
    return {
        "alpr-central": {"secrets": {"image": {"tag": tag}}}, "alpr-services": services,
        # The operator of 0.1.0 asks for its user's name, which it has not in its container.
        "alpr-operator": {"image": {"tag": tag}, "env": [{"name": "LOGNAME", "value": "alpr"}]},
    }  # fmt: skip


def install(cluster: Cluster, helm: Path, tag: str) -> None:
    told = tagged(tag)
    for release in RELEASES:
        values = servers(cluster) if release == "alpr-central" else {}
        presets = SMALL if release != "alpr-operator" else ()
        cluster.install(release, helm / release, values | told[release], presets)


@pytest.fixture
def agents(both: Cluster, before: Path) -> Iterator[OutsideAgents]:
    install(both, before / "helm", "")
    told = {
        "KAFKA_BOOTSTRAP_SERVERS": f"{both.node.address}:{EDGE_PORT}",
        "SCHEMA_REGISTRY_URL": f"http://{both.service('registry')}:8081/apis/ccompat/v7",
    }
    with running_agents(both.folder / "agents", told, 2, RATE) as running:
        until(lambda: stored(both) > 0, 120, "events are stored", every_s=1)
        yield running
    shutil.rmtree(both.folder / "agents", ignore_errors=True)


def stored(cluster: Cluster) -> int:
    try:
        [[rows]] = cluster.sql("SELECT (SELECT count(*) FROM plate_events) + (SELECT count(*) FROM vehicle_events)")
    except subprocess.CalledProcessError:
        return -1
    return int(rows)


def flows(cluster: Cluster) -> None:
    seen: list[int] = []

    def more() -> bool:
        if (rows := stored(cluster)) >= 0:
            seen.append(rows)
        return bool(seen) and seen[-1] > seen[0] + RATE

    until(more, 180, "events flow", every_s=1)


def running(cluster: Cluster) -> set[str]:
    found = cluster.pods("app.kubernetes.io/instance=alpr-services")
    return {c["image"].rpartition(":")[2] for pod in found for c in pod["spec"]["containers"]}


def test_an_upgrade_kills_and_a_rollback_lose_nothing(both: Cluster, agents: OutsideAgents) -> None:
    assert running(both) == {"0.1.0"}
    install(both, REPOSITORY / "helm", "now")
    flows(both)
    until(lambda: running(both) == {"now"}, 60, "our pods alone run", every_s=1)
    for killed in ("storage-consumer", "database", "kafka"):
        both.kill_pods(f"app.kubernetes.io/name={killed}")
        flows(both)
    for release in reversed(RELEASES):
        both.helm("rollback", release, "--namespace", SYSTEM, "--wait", "--timeout", "10m")
    flows(both)
    until(lambda: running(both) == {"0.1.0"}, 60, "the older pods alone run", every_s=1)
    agents.end_load()
    until(lambda: stored(both) >= agents.committed(), 180, "all is stored", every_s=1)
    taken = agents.events()
    rows = both.sql("SELECT event_id FROM plate_events UNION ALL SELECT event_id FROM vehicle_events")
    ledger = both.ledger()
    print(f"\ncommitted {len(taken)}, stored {len(rows)}; ledger: {ledger['missing']} missing")
    assert len(rows) == len(taken)
    assert {row[0] for row in rows} == {str(one) for one in taken}
    assert ledger["complete"]
