"""The store: older news never wins, what is gone stays gone, and only what matters marks a site."""

import pytest

from alpr_kubernetes import kinds
from alpr_operator.store import Pair, SiteKey, Store
from alpr_operator.store.store import NOTHING

SITE = SiteKey("harbour", "harbour")


def site(version=1, name="harbour", namespace="harbour", **spec):
    meta = {"name": name, "namespace": namespace, "uid": f"u-{namespace}-{name}", "resourceVersion": str(version)}
    return {"metadata": meta, "spec": {"siteId": name, **spec}}


def camera(name="gate", version=1, uid=None, status=None, url="rtsp://192.0.2.1/a", **spec):
    meta = {
        "name": name,
        "namespace": "harbour",
        "uid": uid or f"u-{name}",
        "resourceVersion": str(version),
        "generation": 1,
    }
    source = {"protocol": "rtsp", "url": url}
    return {
        "metadata": meta,
        "spec": {"siteRef": {"name": "harbour"}, "source": source, **spec},
        "status": status or {},
    }


def node(name="n1", version=1, ready="True", uid=None, **labels):
    meta = {
        "name": name,
        "uid": uid or f"u-{name}",
        "resourceVersion": str(version),
        "labels": {"ovr-alpr.io/site": "harbour", **labels},
    }
    told = {"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return {"metadata": meta, "spec": {}, "status": {"conditions": [told]}}


def report(version=1, moment="2026-01-01T00:00:00Z", state="Streaming"):
    meta = {"name": "n1", "namespace": "harbour", "uid": "u-r", "resourceVersion": str(version)}
    cameras = [{"name": "gate", "state": state, "since": moment}]
    return {"metadata": meta, "status": {"appliedRevision": 1, "cameras": cameras}}


def assignment(version=1):
    meta = {
        "name": "n1",
        "namespace": "harbour",
        "uid": "u-a",
        "resourceVersion": str(version),
        "labels": {"ovr-alpr.io/site": "harbour"},
    }
    return {"metadata": meta, "spec": {"revision": 1, "cameras": []}}


@pytest.fixture
def store():
    store = Store()
    store.put(kinds.SITES, site())
    store.put(kinds.NODES, node())
    store.put(kinds.CAMERAS, camera())
    store.put(kinds.ASSIGNMENTS, assignment())
    return store


def test_a_view_holds_what_belongs_to_the_site(store):
    store.put(kinds.NODES, {**node("n2"), "metadata": {**node("n2")["metadata"], "labels": {"ovr-alpr.io/site": "x"}}})
    view = store.view(SITE)
    assert [seen.name for seen in view.cameras] == ["gate"]
    assert [seen.name for seen in view.nodes] == ["n1"]
    assert list(view.assignments) == ["n1"]


def test_older_news_never_wins(store):
    assert store.put(kinds.CAMERAS, camera(version=5, priority=7)).sites == {SITE}
    assert store.put(kinds.CAMERAS, camera(version=4, priority=1)) == NOTHING
    assert store.view(SITE).cameras[0].priority == 7


def test_what_is_gone_does_not_come_back_by_a_late_answer(store):
    assert store.remove(kinds.CAMERAS, Pair("harbour", "gate"), "u-gate").sites == {SITE}
    assert store.put(kinds.CAMERAS, camera(version=9)) == NOTHING
    assert store.view(SITE).cameras == ()


def test_another_of_the_same_name_is_not_taken_out_by_the_end_of_the_one_before(store):
    store.put(kinds.CAMERAS, camera(version=9, uid="new"))
    assert store.remove(kinds.CAMERAS, Pair("harbour", "gate"), "u-gate") == NOTHING
    assert store.view(SITE).cameras[0].uid == "new"


def test_a_heartbeat_marks_nothing(store):
    beat = node(version=2)
    beat["status"]["conditions"][0]["lastHeartbeatTime"] = "2026-01-01T00:05:00Z"
    assert store.put(kinds.NODES, beat) == NOTHING
    assert store.put(kinds.NODES, node(version=3, ready="Unknown")).sites == {SITE}


def test_a_report_that_only_refreshes_marks_nothing(store):
    assert store.put(kinds.REPORTS, report()).sites == {SITE}
    assert store.put(kinds.REPORTS, report(version=2, moment="2026-01-01T00:05:00Z")) == NOTHING
    assert store.put(kinds.REPORTS, report(version=3, state="AuthFailed")).sites == {SITE}


def test_a_mere_status_is_told_apart(store):
    effect = store.put(kinds.CAMERAS, camera(version=2, status={"epoch": 1}))
    assert effect.status_only
    assert not store.put(kinds.CAMERAS, camera(version=3, status={"epoch": 1}, enabled=False)).status_only


def test_a_node_that_changes_sites_marks_both(store):
    other = SiteKey("quay", "quay")
    store.put(kinds.SITES, site(name="quay", namespace="quay"))
    moved = node(version=2)
    moved["metadata"]["labels"]["ovr-alpr.io/site"] = "quay"
    assert store.put(kinds.NODES, moved).sites >= {SITE, other}
    assert store.view(SITE).nodes == ()
    assert [seen.name for seen in store.view(other).nodes] == ["n1"]


def test_a_site_may_choose_nodes_by_other_labels(store):
    store.put(kinds.SITES, site(name="yard", namespace="yard", edge={"nodeSelector": {"zone": "yard"}}))
    store.put(kinds.NODES, node("n9", zone="yard"))
    assert [seen.name for seen in store.view(SiteKey("yard", "yard")).nodes] == ["n9"]


def test_of_two_sites_of_one_name_the_first_has_the_nodes(store):
    store.put(kinds.SITES, site(namespace="quay"))
    assert store.view(SITE).claimed_by is None
    assert store.view(SiteKey("quay", "harbour")).claimed_by == SITE


def test_a_camera_that_cannot_be_read_keeps_its_problem_and_disturbs_nobody(store):
    store.put(kinds.CAMERAS, camera("bad", url="ftp://192.0.2.1/a"))
    by_name = {seen.name: seen for seen in store.view(SITE).cameras}
    assert "rtsp://" in by_name["bad"].problem
    assert by_name["gate"].problem is None


def test_a_site_that_cannot_be_read_says_why(store):
    store.put(kinds.SITES, site(version=2, assignment={"reservePercent": 500}))
    seen = store.view(SITE).site
    assert seen.spec is None
    assert "reservePercent" in seen.problem


def test_cameras_without_a_site_are_still_somebodys_business(store):
    store.remove(kinds.SITES, Pair(*SITE), "u-harbour-harbour")
    assert SITE in store.sites()
    assert store.view(SITE).site is None


def test_secrets_are_found_by_who_names_them(store):
    source = {"protocol": "rtsp", "url": "rtsp://192.0.2.1/a", "credentialsSecretRef": {"name": "door"}}
    store.put(kinds.CAMERAS, camera(version=2, source=source))
    assert store.secrets() == {Pair("harbour", "door")}
    assert store.sites_with_secret(Pair("harbour", "door")) == {SITE}


def test_served_cameras_are_known_before_they_are_seen(store):
    serving = assignment(version=2)
    serving["spec"]["cameras"] = [{"name": "gate", "epoch": 1}, {"name": "not-seen-yet", "epoch": 1}]
    store.put(kinds.ASSIGNMENTS, serving)
    assert store.served() - store.identities(kinds.CAMERAS).keys() == {Pair("harbour", "not-seen-yet")}


def test_a_report_that_was_only_just_made_marks_nothing(store):
    bare = {"metadata": report()["metadata"]}
    assert store.put(kinds.REPORTS, bare) == NOTHING
    assert SITE in store.put(kinds.REPORTS, report(version=2)).sites


def test_pods_that_come_up_are_no_more_than_a_status(store):
    meta = {"name": "d", "namespace": "harbour", "uid": "u-d", "labels": {"ovr-alpr.io/site": "harbour"}}
    store.put(kinds.DAEMON_SETS, {"metadata": {**meta, "resourceVersion": "1", "generation": 1}, "spec": {}})
    counted = {"currentNumberScheduled": 1, "observedGeneration": 1}
    effect = store.put(
        kinds.DAEMON_SETS,
        {"metadata": {**meta, "resourceVersion": "2", "generation": 1}, "spec": {}, "status": counted},
    )
    assert effect.sites == {SITE}
    assert effect.status_only
