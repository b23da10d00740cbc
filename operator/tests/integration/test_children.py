"""What a site has on the server: made, mended, and nobody else's left alone."""

import pytest

from alpr_kubernetes import kinds

pytestmark = pytest.mark.integration

CHILDREN = (
    kinds.SERVICE_ACCOUNTS,
    kinds.ROLES,
    kinds.ROLE_BINDINGS,
    kinds.NETWORK_POLICIES,
    kinds.DAEMON_SETS,
    kinds.ASSIGNMENTS,
)


def children(objects, site, kind):
    found = objects.list(kind, site.namespace, labelSelector="app.kubernetes.io/managed-by=alpr-operator")
    return {one["metadata"]["name"]: one for one in found}


@pytest.fixture
def settled(operator, objects, site):
    site.node(f"{site.name}-n1")
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 20}])
    site.until_placed(site.cameras(3, costUnits=1))
    site.until(lambda: all(children(objects, site, kind) for kind in CHILDREN), 20, "all children")
    operator.idle()
    return site


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.name)
def test_03_a_child_deleted_by_hand_is_there_again_within_two_seconds(settled, objects, kind):
    name, before = next(iter(children(objects, settled, kind).items()))
    objects.delete(kind, settled.namespace, name)

    def again():
        now = children(objects, settled, kind).get(name)
        return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"]

    settled.until(again, 2, f"{kind.name} {name} again")


def test_03_a_deleted_assignment_comes_back_with_the_cameras_where_they_were(settled, objects):
    before = settled.placed()
    node = next(iter(settled.assignments()))
    objects.delete(kinds.ASSIGNMENTS, settled.namespace, node)
    settled.until(lambda: settled.placed().keys() == before.keys(), 5, "the cameras again")
    assert {name: place[0] for name, place in settled.placed().items()} == {n: p[0] for n, p in before.items()}


def test_26_drift_in_our_fields_is_put_right_and_foreign_fields_stay(settled, objects):
    name, before = next(iter(children(objects, settled, kinds.DAEMON_SETS).items()))
    container = {"name": "pipeline", "env": [{"name": "EXTRA", "value": "1"}]}
    objects.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": name, "namespace": settled.namespace, "labels": {"team": "gates"}},
            "spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5, "containers": [container]}}},
        }
    )

    def mended():
        now = objects.get(kinds.DAEMON_SETS, settled.namespace, name)
        return now["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 30

    settled.until(mended, 2, "our field again")
    now = objects.get(kinds.DAEMON_SETS, settled.namespace, name)
    pipeline = now["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "EXTRA", "value": "1"} in pipeline["env"]
    assert now["metadata"]["labels"]["team"] == "gates"
    hashed = "ovr-alpr.io/applied-hash"
    assert now["metadata"]["annotations"][hashed] == before["metadata"]["annotations"][hashed]
    events = [one for one in objects.list(kinds.EVENTS, settled.namespace) if one["reason"] == "DriftCorrected"]
    assert events
    assert name in events[0]["note"]


def test_27_marks_of_argo_and_kopf_never_reach_children(settled, objects):
    marks = {"argocd.argoproj.io/tracking-id": "app:ovr-alpr.io/AlprSite:x/y", "kopf.zalando.org/touch": "now"}
    labels = {"app.kubernetes.io/instance": "app", "argocd.argoproj.io/instance": "app"}
    meta = {"annotations": marks, "labels": labels}
    objects.merge(kinds.SITES, settled.namespace, settled.name, {"metadata": meta})
    objects.merge(kinds.CAMERAS, settled.namespace, "cam-000", {"metadata": meta, "spec": {"priority": 101}})
    settled.change(edge={"hostPath": "/var/lib/alpr-edge/other"})
    settled.until(lambda: _host_path(objects, settled).startswith("/var/lib/alpr-edge/other"), 5, "the new path")
    for kind in CHILDREN:
        for child in children(objects, settled, kind).values():
            found = str(child["metadata"].get("annotations")) + str(child["metadata"]["labels"])
            assert "argocd" not in found
            assert "kopf" not in found
            assert "instance" not in found


def _host_path(objects, site):
    daemon_set = next(iter(children(objects, site, kinds.DAEMON_SETS).values()))
    volumes = daemon_set["spec"]["template"]["spec"]["volumes"]
    return next(one["hostPath"]["path"] for one in volumes if "hostPath" in one)


def test_every_child_belongs_to_the_site_and_goes_with_it(settled, objects):
    uid = settled.site()["metadata"]["uid"]
    for kind in CHILDREN:
        for child in children(objects, settled, kind).values():
            assert [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [uid]
            assert "finalizers" not in child["metadata"]
    assert "finalizers" not in settled.site()["metadata"]
    assert "finalizers" not in settled.seen("cam-000")["metadata"]
