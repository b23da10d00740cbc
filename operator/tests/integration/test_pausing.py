"""Pausing, draining and what a status promises."""

import json

import pytest

from alpr_kubernetes import kinds
from alpr_testing.objects import condition

pytestmark = pytest.mark.integration
PAUSED = "ovr-alpr.io/paused"


@pytest.fixture
def busy(operator, site):
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 40}], assignment={"failover": {"after": "5s"}})
    for number in range(2):
        site.node(f"{site.name}-n{number}")
    site.until_placed(site.cameras(4, costUnits=1))
    site.ack()
    site.until(lambda: site.site_told("Ready") == ("True", "Ready"), 20, "the site is ready")
    operator.idle()
    return site


def annotate(site, value):
    site.objects.merge(kinds.SITES, site.namespace, site.name, {"metadata": {"annotations": {PAUSED: value}}})


def test_31_nothing_is_written_while_paused_and_all_is_caught_up_after(busy, operator):
    annotate(busy, "true")
    busy.until(lambda: busy.site_told("Ready") == ("Unknown", "Paused"), 10, "it says that it is paused")
    before = busy.assignments()
    busy.camera("late", costUnits=1)
    account = busy.objects.list(kinds.SERVICE_ACCOUNTS, busy.namespace, labelSelector="ovr-alpr.io/site")[0]
    busy.objects.delete(kinds.SERVICE_ACCOUNTS, busy.namespace, account["metadata"]["name"])
    operator.idle()
    assert busy.assignments() == before
    assert busy.objects.get(kinds.SERVICE_ACCOUNTS, busy.namespace, account["metadata"]["name"]) is None
    annotate(busy, None)
    busy.until_placed(["late"])
    name = account["metadata"]["name"]
    gone = (kinds.SERVICE_ACCOUNTS, busy.namespace, name)
    busy.until(lambda: busy.objects.get(*gone) is not None, 10, "the account is there again")


def test_31_the_spec_pauses_too(busy, operator):
    spec = {"nodeClasses": [{"name": "cpu", "capacityUnits": 40}]}
    busy.change(paused=True, **spec)
    busy.until(lambda: busy.site_told("Ready") == ("Unknown", "Paused"), 10, "it says that it is paused")
    busy.camera("late", costUnits=1)
    operator.idle()
    assert "late" not in busy.placed()
    busy.change(paused=False, **spec)
    busy.until_placed(["late"])


@pytest.mark.parametrize("operator", [{"drain_deadline_s": 3}], indirect=True)
def test_18_a_camera_that_drains_is_let_go_by_the_deadline_though_its_node_is_silent(busy):
    busy.camera("cam-000", costUnits=1, deletionPolicy="Drain")
    finalizers = lambda: (busy.seen("cam-000") or {}).get("metadata", {}).get("finalizers")  # noqa: E731
    busy.until(lambda: finalizers() == ["ovr-alpr.io/drain"], 10, "the finalizer")
    busy.objects.delete(kinds.CAMERAS, busy.namespace, "cam-000")
    busy.until(lambda: "cam-000" not in busy.placed(), 10, "its node is told")
    assert busy.seen("cam-000") is not None
    busy.until(lambda: busy.seen("cam-000") is None, 10, "the deadline")


def test_18_a_camera_that_drains_goes_as_soon_as_its_node_has_let_go(busy):
    busy.camera("cam-001", costUnits=1, deletionPolicy="Drain")
    busy.until(lambda: "finalizers" in busy.seen("cam-001")["metadata"], 10, "the finalizer")
    busy.objects.delete(kinds.CAMERAS, busy.namespace, "cam-001")
    busy.until(lambda: "cam-001" not in busy.placed(), 10, "its node is told")
    busy.ack()
    busy.until(lambda: busy.seen("cam-001") is None, 10, "it is gone")


def test_19_a_status_tells_of_the_newest_generation_and_turns_no_moment_without_need(busy, operator):
    before = busy.seen("cam-002")
    assert before["status"]["observedGeneration"] == before["metadata"]["generation"]
    busy.camera("cam-002", costUnits=1, displayName="Renamed")
    newest = busy.seen("cam-002")["metadata"]["generation"]
    busy.until(lambda: busy.seen("cam-002")["status"]["observedGeneration"] == newest, 10, "the new generation")
    busy.ack()
    operator.idle()
    after = busy.seen("cam-002")
    for told in before["status"]["conditions"]:
        assert condition(after, told["type"])["lastTransitionTime"] == told["lastTransitionTime"]


def test_19_no_op_edits_write_nothing(busy, operator):
    written = operator.writes()
    for number in range(3):
        patch = {"metadata": {"annotations": {"example.com/touched": str(number)}}}
        busy.objects.merge(kinds.CAMERAS, busy.namespace, "cam-003", patch)
        busy.objects.merge(kinds.SITES, busy.namespace, busy.name, patch)
        busy.ack()
    operator.idle()
    assert operator.writes() == written


def kstatus(thing):
    """The rules of kstatus for custom resources: deletion, generation, Reconciling, Stalled, Ready."""
    status = thing.get("status") or {}
    told = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    if "deletionTimestamp" in thing["metadata"]:
        return "Terminating"
    if status.get("observedGeneration") != thing["metadata"]["generation"]:
        return "InProgress"
    if told.get("Stalled") == "True":
        return "Failed"
    if told.get("Reconciling") == "True" or told.get("Ready") in ("False", "Unknown"):
        return "InProgress"
    return "Current"


def test_19_kstatus_reads_it(busy):
    assert kstatus(busy.site()) == "Current"
    assert kstatus(busy.seen("cam-000")) == "Current"
    busy.camera("huge", costUnits=500)
    busy.until(lambda: busy.site_told("CapacitySufficient")[0] == "False", 10, "the site lacks units")
    assert kstatus(busy.site()) == "InProgress"
    assert kstatus(busy.seen("huge")) == "InProgress"


def test_a_poisoned_site_backs_off_alone(busy, objects):
    """An assignment that no rule foresaw makes every pass of its site fail; others are served."""
    broken = f"x{busy.name}"
    meta = {"name": broken, "namespace": busy.namespace, "labels": {"ovr-alpr.io/site": broken}}
    objects.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": broken}})
    spec = {"nodeName": broken, "site": broken, "revision": 1}
    objects.create({"apiVersion": kinds.SITES.api_version, "kind": "EdgeAssignment", "metadata": meta, "spec": spec})
    busy.camera("after", costUnits=1)
    busy.until_placed(["after"])
    objects.delete(kinds.ASSIGNMENTS, busy.namespace, broken)
    objects.delete(kinds.NODES, None, broken)
    assert json.dumps(busy.site()["status"])
