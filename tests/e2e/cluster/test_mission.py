"""Apply a Camera, query its plates: charts, operator, edge and central tier on a real node, from nothing to nothing.

The tests are steps of one story and run in their order. The servers are stand-ins (tests/e2e/stand-ins): real Kafka,
Apicurio, OpenSearch, PostgreSQL and MinIO in images built here. TimescaleDB is not verified here: its DDL and queries are
in services/storage-consumer/tests/integration. NetworkPolicies are applied, and this node's network does not enforce them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from alpr_edge_agent.models.export import export
from alpr_simulator.clip import render
from alpr_simulator.scene import Scene
from alpr_testing.cluster import REPOSITORY, SYSTEM, Cluster, central_values, timed
from alpr_testing.node import NAME
from alpr_testing.rtsp import RtspServer, Stream
from alpr_testing.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

HELM = REPOSITORY / "helm"
SITE = "harbour"
EDGE_FOLDER = Path("/var/lib/alpr-edge") / SITE
SMALL = ("values-small.yaml",)


@pytest.fixture(scope="module")
def street(cluster: Cluster) -> Iterator[tuple[RtspServer, set[str]]]:
    """An RTSP camera outside of the cluster, and the plates that drive past it, over and over."""
    scene = Scene(seed=24, seconds=24, width=1280, height=720, occupancy=0.5, vehicles=4, regions=("gb",),
                  hardship=0.1, zoom=1.2)  # fmt: skip
    clip = cluster.folder / "street.mp4"
    truth = render(scene, clip)
    plates = {vehicle.text for vehicle in truth.vehicles}
    with RtspServer.start({"/gate": Stream(clip)}, address=cluster.node.host) as server:
        yield server, plates


def camera(server: RtspServer, name: str = "gate") -> str:
    source = {"protocol": "rtsp", "url": server.url("/gate")}
    spec = {"siteRef": {"name": SITE}, "source": source, "analytics": {"countries": ["GB"]}}
    meta = {"name": name, "namespace": SITE}
    return json.dumps({"apiVersion": "ovr-alpr.io/v1alpha1", "kind": "Camera", "metadata": meta, "spec": spec})


def condition(cluster: Cluster, kind: str, name: str, wanted: str) -> tuple[str, str]:
    status = cluster.get(kind, name, "-n", SITE).get("status", {})
    found = next((one for one in status.get("conditions", ()) if one["type"] == wanted), None)
    return (found["status"], found["reason"]) if found else ("Unknown", "")


def events(api: httpx.Client) -> list[dict[str, Any]]:
    with suppress(httpx.HTTPError):
        return list(api.get("/events/recent", params={"limit": 500}).raise_for_status().json()["events"])
    return []


# --- the story


def test_1_charts_install_under_the_restricted_profile(cluster: Cluster) -> None:
    shutil.rmtree(EDGE_FOLDER, ignore_errors=True)  # what a run before this one did not come to remove
    began = time.monotonic()
    models = cluster.folder / "models"
    export(models, "s3://alpr-models")
    servers = central_values(cluster.folder / "data")
    upload = {"models": {"upload": {"hostPath": str(models)}}}
    cluster.install("alpr-central", HELM / "alpr-central", servers | upload, SMALL)
    print(f"\ncentral tier is up: {timed(began)}")
    cluster.install("alpr-services", HELM / "alpr-services", presets=SMALL)
    print(f"services are up: {timed(began)}")
    cluster.install("alpr-operator", HELM / "alpr-operator")
    print(f"operator is up: {timed(began)}")
    assert "Phase:          Succeeded" in cluster.helm("test", "alpr-services", "--namespace", SYSTEM)


def test_2_an_applied_camera_gives_plates_with_pictures_out_of_the_api(
    cluster: Cluster, street: tuple[RtspServer, set[str]]
) -> None:
    server, plates = street
    models = yaml.safe_load((cluster.folder / "models/models.yaml").read_text())["site"]["models"]
    cluster.kubectl("label", "node", NAME, f"ovr-alpr.io/site={SITE}", "ovr-alpr.io/node-class=cpu")
    pipeline = {"resources": {"requests": {"cpu": "100m"}}}
    node_class = {"name": "cpu", "pipeline": pipeline}
    site = {"models": models, "sinksRef": {"name": "sinks"}, "nodeClasses": [node_class]}
    cluster.install(SITE, HELM / "alpr-site", {"site": site})
    cluster.alpr("site", "sinks", SITE, "--apply")
    until(lambda: condition(cluster, "alprsite", SITE, "Ready")[0] == "True", 300, "the site is ready", every_s=1)
    with cluster.api() as api:
        assert api.get("/events/recent").json()["events"] == []
        began = time.monotonic()
        cluster.kubectl("apply", "-f", "-", stdin=camera(server))
        until(lambda: bool(events(api)), 180, "a plate in the API", every_s=0.2)
        print(f"\nfrom kubectl apply to the first plate in the API: {timed(began)}")
        until(lambda: plates <= {one["plate_normalized_text"] for one in events(api)}, 180, "all plates", every_s=1)
        first = events(api)[-1]
        address = first["plate_image_url"]
        until(lambda: api.get(address).status_code == 200, 60, "its picture", every_s=0.5)
        picture = api.get(address)
        assert picture.content.startswith(b"\xff\xd8")
        assert picture.content.endswith(b"\xff\xd9")
        found = api.get("/search/fulltext", params={"q": next(iter(plates))})
        assert found.status_code == 200
    streams = ("True", "Streaming")
    until(lambda: condition(cluster, "camera", "gate", "Ready") == streams, 60, "the status says so", every_s=1)


def test_3_a_deleted_camera_lets_its_stream_go_within_ten_seconds(
    cluster: Cluster, street: tuple[RtspServer, set[str]]
) -> None:
    server, _ = street
    assert server.clients >= 1
    began = time.monotonic()
    cluster.kubectl("delete", "camera", "gate", "-n", SITE)
    until(lambda: server.clients == 0, 10, "the stream stops")
    print(f"\nfrom kubectl delete to the end of the stream: {timed(began)}")


def test_4_killed_pods_lose_nothing_and_double_nothing(cluster: Cluster, street: tuple[RtspServer, set[str]]) -> None:
    server, _ = street
    for number in range(2):
        cluster.kubectl("apply", "-f", "-", stdin=camera(server, f"gate-{number}"))
    with cluster.api() as api:
        before = newest(api)
        until(lambda: newest(api) > before, 120, "events flow", every_s=1)
        kills = (kill_pipeline, kill_agent, kill_consumer, kill_database, kill_broker, kill_edge_pod)
        for kill in kills:
            before = newest(api)
            kill(cluster)
            until(lambda: newest(api) > before, 240, f"events flow after {kill.__name__}", every_s=1)  # noqa: B023
            print(f"\n{kill.__name__}: events flow again", end="")
        cluster.kubectl("delete", "camera", "--all", "-n", SITE)
        until(lambda: server.clients == 0, 30, "the streams stop")
        until(lambda: bool(cluster.ledger().get("complete")), 120, "the ledger is complete", every_s=2)
    told = cluster.ledger()
    [[rows, ids, numbers]] = cluster.sql(
        "SELECT count(*), count(DISTINCT event_id), count(DISTINCT (agent_id, boot_id, seq)) FROM plate_events"
    )
    print(f"\nstored {rows}, events {ids}, numbers {numbers}; ledger: {told['seen']} seen, {told['missing']} missing")
    assert told["missing"] == 0
    assert rows == ids == numbers
    assert int(rows) > len(kills)


def newest(api: httpx.Client) -> str:
    """The time of capture of the newest reading; "" where the API does not answer just now."""
    return max((one["captured_at"] for one in events(api)), default="")


def kill_pipeline(cluster: Cluster) -> None:
    kill_process(cluster, f"ovr-alpr.io/site={SITE}", SITE, b"pipeline")


def kill_agent(cluster: Cluster) -> None:
    kill_process(cluster, f"ovr-alpr.io/site={SITE}", SITE, b"agent")


def kill_consumer(cluster: Cluster) -> None:
    cluster.kill_pods("app.kubernetes.io/name=storage-consumer")


def kill_database(cluster: Cluster) -> None:
    cluster.kill_pods("app.kubernetes.io/name=database")


def kill_broker(cluster: Cluster) -> None:
    cluster.kill_pods("app.kubernetes.io/name=kafka")


def kill_edge_pod(cluster: Cluster) -> None:
    cluster.kill_pods(f"ovr-alpr.io/site={SITE}", SITE)


def kill_process(cluster: Cluster, selector: str, namespace: str, word: bytes) -> None:
    """`kill -9` of the process in that pod whose command line ends with `word`; the pod stays."""
    [pod] = cluster.pods(selector, namespace)
    marks = [pod["metadata"]["uid"].encode(), pod["metadata"]["uid"].replace("-", "_").encode()]
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            ours = any(mark in (entry / "cgroup").read_bytes() for mark in marks)
            if ours and word in (entry / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                return
    raise AssertionError(f"no process {word!r} in pod {pod['metadata']['name']}")


def test_5_uninstalled_it_leaves_nothing_but_what_is_meant_to_stay(cluster: Cluster) -> None:
    cluster.helm("uninstall", SITE, "--namespace", SYSTEM, "--wait", "--timeout", "3m")
    gone = {"secrets": {"deleteOnUninstall": True}}
    kept = central_values(cluster.folder / "data")
    for server in kept.values():
        server["bundled"]["storage"]["deleteOnUninstall"] = True
    models = {"models": {"upload": {"hostPath": str(cluster.folder / "models")}}}
    cluster.install("alpr-central", HELM / "alpr-central", kept | gone | models, SMALL)
    for release in ("alpr-operator", "alpr-services", "alpr-central"):
        cluster.helm("uninstall", release, "--namespace", SYSTEM, "--wait", "--timeout", "5m")
    until(lambda: not left_behind(cluster), 120, "nothing is left", every_s=2)
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        cluster.kubectl("get", "namespace", SITE)
    shutil.rmtree(EDGE_FOLDER, ignore_errors=True)


def left_behind(cluster: Cluster) -> list[str]:
    """Every object of any kind that our charts or our operator made and that is still there, but for the CRDs."""
    kinds = cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    ours = "app.kubernetes.io/part-of=ovr-alpr"
    named = cluster.kubectl("get", ",".join(kinds), "-A", "-l", ours, "-o", "name", "--ignore-not-found").split()
    inside = cluster.kubectl("get", "all,secrets,configmaps,pvc", "-n", SYSTEM, "-o", "name").split()
    return sorted({one for one in [*named, *inside] if not meant_to_stay(one)})


def meant_to_stay(name: str) -> bool:
    return name.startswith("customresourcedefinition") or name == "configmap/kube-root-ca.crt"
