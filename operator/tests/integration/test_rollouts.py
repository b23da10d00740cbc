"""Waves over nodes and pods that KWOK plays: an offline node never blocks, a bad state goes back by itself."""

import uuid

import pytest

from alpr_kubernetes import kinds
from alpr_testing.kwok_nodes import KwokNodes
from alpr_testing.objects import Objects, Refusal, TestSite, condition
from alpr_testing.operated import SYSTEM, Operated, install_operator
from alpr_testing.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
WORKLOAD = "ovr-alpr.io/workload"


@pytest.fixture(scope="module")
def kwok(cluster):
    nodes = KwokNodes(cluster)
    yield nodes
    nodes.close()


@pytest.fixture(scope="module")
def system(cluster, tmp_path_factory):
    """The operator on a cluster with controllers."""
    kubeconfig = install_operator(cluster)
    with Operated(kubeconfig, tmp_path_factory.mktemp("operator"), SYSTEM) as operator:
        yield operator.leading()


@pytest.fixture
def fleet(cluster, kwok, system, request):
    """A site with as many nodes as asked for, with their pods running."""
    objects = Objects(cluster.kubeconfig)
    site = TestSite(objects, f"r{uuid.uuid4().hex[:6]}").made(**spec("one"))
    names = [f"{site.name}-n{number:02}" for number in range(request.param)]
    labels = {"ovr-alpr.io/site": site.name, "ovr-alpr.io/node-class": "cpu"}
    kwok.made(names, labels)
    site.until(lambda: len(pods(site)) == request.param and not unready(site), 60, "pods on all nodes")
    site.ack()
    site.until(lambda: rollout(site).get("phase") == "Idle", 20, "the first state is no rollout")
    yield site, names
    site.unmade()
    objects.close()


def spec(image, **rollout_spec):
    rules = {"steps": [{"percent": 100, "soak": "2s"}], "maxUnavailable": 50, **rollout_spec}
    classes = [{"name": "cpu", "capacityUnits": 40, "agent": {"image": f"example.com/edge:{image}"}}]
    return {"nodeClasses": classes, "rollout": rules, "assignment": {"failover": {"after": "1h"}}}


def pods(site):
    found = site.objects.list(kinds.PODS, site.namespace, labelSelector="app.kubernetes.io/name=alpr-edge")
    return {one["spec"].get("nodeName"): one for one in found if "deletionTimestamp" not in one["metadata"]}


def unready(site):
    return [node for node, pod in pods(site).items() if condition(pod, "Ready").get("status") != "True"]


def images(site):
    return {node: pod["spec"]["containers"][0]["image"].rpartition(":")[2] for node, pod in pods(site).items()}


def rollout(site):
    return (site.site().get("status") or {}).get("rollout") or {}


@pytest.mark.parametrize("fleet", [3], indirect=True)
def test_02_the_full_path_from_a_site_to_running_pods_and_ready(fleet, system):
    site, names = fleet
    cameras = site.cameras(40, costUnits=1)
    site.until_placed(cameras, within_s=60)
    assert set(pods(site)) == set(names)
    for pod in pods(site).values():
        assert pod["status"]["phase"] == "Running"
        assert pod["spec"]["serviceAccountName"] == f"alpr-edge-{site.name}"
        assert [one["name"] for one in pod["spec"]["initContainers"]] == ["own-folder", "agent"]

    def ready():
        site.ack()
        return site.site_told("Ready") == ("True", "Ready")

    site.until(ready, 40, "the site is ready")
    site.until(lambda: site.site()["status"]["cameras"]["streaming"] == 40, 20, "all cameras stream")


@pytest.mark.parametrize("fleet", [20], indirect=True)
def test_06_a_wave_finishes_on_the_nodes_that_are_there_and_catches_up_with_the_others(fleet, kwok):
    site, names = fleet
    dark, lit = names[:3], names[3:]
    for name in dark:
        kwok.goes_dark(name)
    site.until(lambda: site.site()["status"]["nodes"]["offline"] == 3, 30, "three nodes are offline")
    site.change(**spec("two"))
    site.until(lambda: all(images(site).get(node) == "two" for node in lit), 90, "17 nodes have the new image")
    assert {images(site).get(node) for node in dark} == {"one"}

    def finished():
        site.ack(*lit)
        return rollout(site).get("phase") in ("Idle", "Waiting")

    site.until(finished, 60, "the wave does not wait for the dark nodes")
    for name in dark:
        kwok.comes_back(name)
    site.until(lambda: set(images(site).values()) == {"two"} and len(images(site)) == 20, 90, "the others catch up")


@pytest.mark.parametrize("fleet", [4], indirect=True)
def test_13_a_gate_that_breaks_takes_every_node_back_and_says_why_with_numbers(fleet, kwok):
    site, names = fleet
    dark = names[3]
    rules = {"steps": [{"nodes": 1, "soak": "20s"}, {"percent": 100, "soak": "2s"}], "gates": {"minFpsRatio": 0.9}}
    site.change(**spec("two", **rules))
    site.until(lambda: "two" in images(site).values() and not unready(site), 60, "the canary")
    canary = next(node for node, image in images(site).items() if image == "two")
    assert list(images(site).values()).count("two") == 1
    if dark != canary:
        kwok.goes_dark(dark)

    def broken():
        site.ack(canary, gates={"fpsRatio": 0.6})
        return rollout(site).get("phase") == "RolledBack"

    site.until(broken, 60, "the rollback")
    assert "0.6" in rollout(site)["message"]
    assert "0.9" in rollout(site)["message"]
    assert site.site_told("Stalled") == ("True", "GateFailed")
    kwok.comes_back(dark)
    site.until(lambda: set(images(site).values()) == {"one"} and len(images(site)) == 4, 90, "all are back")
    events = {one["reason"] for one in site.objects.list(kinds.EVENTS, site.namespace)}
    assert "RolloutFailed" in events


@pytest.mark.parametrize("fleet", [3], indirect=True)
def test_13_models_roll_in_waves_by_their_digest(fleet):
    site, _ = fleet
    digest = "sha256:" + "a" * 64
    rules = {"steps": [{"nodes": 1, "soak": "1s"}, {"percent": 100, "soak": "1s"}]}
    told = {**spec("one", **rules), "models": {"detector": {"name": "plates", "digest": digest}}}
    site.change(**told)

    def digests():
        found = {node: one["spec"].get("models") or {} for node, one in site.assignments().items()}
        return [node for node, models in found.items() if (models.get("detector") or {}).get("digest") == digest]

    site.until(lambda: len(digests()) == 1, 30, "the canary is told")

    def all_told():
        site.ack()
        return len(digests()) == 3

    site.until(all_told, 60, "all nodes are told")
    assert {one["metadata"]["uid"] for one in pods(site).values()}


@pytest.mark.parametrize("fleet", [2], indirect=True)
def test_deleting_a_namespace_leaves_nothing_behind(fleet):
    site, _ = fleet
    site.until_placed(site.cameras(4, costUnits=1))
    site.objects.delete(kinds.SITES, site.namespace, site.name)
    site.until(lambda: not pods(site) and not site.assignments(), 60, "children go with their site")
    site.objects.delete(kinds.NAMESPACES, None, site.namespace)

    def gone():
        try:
            return site.objects.get(kinds.NAMESPACES, None, site.namespace) is None
        except Refusal:
            return False

    until(gone, 60, "the namespace is gone")
