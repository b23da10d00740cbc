"""Names at their edges, and what cannot change, on the API server and offline."""

import pytest

from alpr_kubernetes import kinds
from alpr_schemas.verdicts import judge, judge_update
from alpr_testing.objects import Objects, Refusal

pytestmark = pytest.mark.integration
GROUP = "ovr-alpr.io/v1alpha1"


@pytest.fixture(scope="module")
def objects(control_plane):
    client = Objects(control_plane.kubeconfig)
    yield client
    client.close()


def thing(kind, name, **spec):
    return {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def camera(name, **spec):
    return thing(
        "Camera", name, siteRef={"name": "north"}, source={"protocol": "usb", "url": "usb:///dev/video0"}, **spec
    )


def assignment(name):
    return thing("EdgeAssignment", name, nodeName=name, site="north", revision=1)


def taken(objects, manifest):
    """The one verdict of server and model."""
    try:
        objects.create(manifest, dry_run=True)
    except Refusal:
        server = False
    else:
        server = True
    assert server == (not judge(manifest).faults)
    return server


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("a", True),
        ("7", True),
        ("gate.north-1", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("a" * 253, False),
        ("Gate", False),  # so that no two names differ by case alone
        ("gate_1", False),
        ("gate-", False),
        (".gate", False),
        ("zufahrt-süd", False),
        ("gate north", False),
    ],
)
def test_35_names_of_cameras_and_sites(objects, name, fine):
    assert taken(objects, camera(name)) is fine
    assert taken(objects, thing("AlprSite", name, siteId="north")) is fine
    assert taken(objects, thing("AlprSite", "north", siteId=name)) is fine


@pytest.mark.parametrize(
    ("name", "fine"), [("n" * 63, True), ("n" * 64, True), ("n" * 253, True), ("n" * 254, False), ("Node", False)]
)
def test_35_assignments_take_the_names_that_nodes_have(objects, name, fine):
    assert taken(objects, assignment(name)) is fine
    assert taken(objects, camera("gate", placement={"nodeName": name})) is fine


@pytest.mark.parametrize("text", ["Zufahrt Süd, Spur 1", "東門", "🚗" * 25, "a" * 100])
def test_35_people_may_call_a_camera_anything(objects, text):
    assert taken(objects, camera("gate", displayName=text))


@pytest.mark.parametrize(
    ("labels", "fine"),
    [
        ({"rack": "left"}, True),
        ({"example.com/rack": "A_1.b"}, True),
        ({"rack": ""}, True),
        ({"rack": "süd"}, False),
        ({"süd": "a"}, False),
        ({"rack": "a" * 64}, False),
        ({"": "a"}, False),
        ({"a b": "c"}, False),
        ({"a" * 64: "c"}, False),
        ({str(number): "a" for number in range(16)}, True),
        ({str(number): "a" for number in range(17)}, False),
    ],
)
def test_35_labels_of_selectors(objects, labels, fine):
    assert taken(objects, camera("gate", placement={"nodeSelector": labels})) is fine
    assert taken(objects, thing("AlprSite", "north", siteId="north", edge={"nodeSelector": labels})) is fine


def test_15_a_nodes_key_stays_whatever_is_written(objects):
    """Over the status of an EdgeReport: it cannot be changed, and not be taken away; all else can."""
    head = {"apiVersion": GROUP, "kind": "EdgeReport", "metadata": {"name": "keyed", "namespace": "default"}}
    objects.apply(head)
    objects.apply({**head, "status": {"sealingKey": "a2V5", "appliedRevision": 1}}, subresource="status")
    objects.apply({**head, "status": {"sealingKey": "a2V5", "appliedRevision": 2}}, subresource="status")
    for status in ({"sealingKey": "b3RoZXI="}, {"sealingKey": None}):
        with pytest.raises(Refusal, match=r"status.sealingKey: .*a node keeps its key; delete the EdgeReport"):
            objects.merge(kinds.REPORTS, "default", "keyed", {"status": status}, subresource="status")
    old = judge(head).taken.model_copy(update={"status": _status("a2V5")})
    new = old.model_copy(update={"status": _status("b3RoZXI=")})
    assert [str(fault) for fault in judge_update(new, old)] == [
        "status.sealingKey: a node keeps its key; delete the EdgeReport where the node was set up anew"
    ]
    objects.delete(kinds.REPORTS, "default", "keyed")


def _status(key):
    from alpr_schemas.resources import ReportStatus

    return ReportStatus(sealing_key=key)


def test_15_a_whole_status_cannot_be_taken_away_to_change_the_key(objects):
    head = {"apiVersion": GROUP, "kind": "EdgeReport", "metadata": {"name": "bare", "namespace": "default"}}
    objects.apply(head)
    objects.apply({**head, "status": {"sealingKey": "a2V5"}}, subresource="status")
    with pytest.raises(Refusal, match="a node keeps its key"):
        objects.merge(kinds.REPORTS, "default", "bare", {"status": None}, subresource="status")
    objects.delete(kinds.REPORTS, "default", "bare")


def test_15_what_machines_write_can_become_empty(objects):
    """By server-side apply, which makes null of an object whose last field goes, unless it is written whole."""
    model = {"detector": {"name": "plates", "digest": f"sha256:{'0' * 64}"}}
    head = {"apiVersion": GROUP, "kind": "EdgeReport", "metadata": {"name": "emptied", "namespace": "default"}}
    objects.apply(head)
    for status in (
        {"gates": {"fpsRatio": 1}, "appliedModels": model, "capacity": {"units": 3}, "appliedRevision": 1},
        {"gates": {}, "appliedModels": {}, "appliedRevision": 2},
        {"appliedRevision": 3},
    ):
        objects.apply({**head, "status": status}, subresource="status")
        assert objects.get(kinds.REPORTS, "default", "emptied").get("status", {}) == status
    full = assignment("emptied")
    for models in (model, {}, model):
        full["spec"] |= {"models": models, "revision": full["spec"]["revision"] + 1}
        assert objects.apply(full)["spec"]["models"] == models
    objects.delete(kinds.REPORTS, "default", "emptied")
    objects.delete(kinds.ASSIGNMENTS, "default", "emptied")


def test_15_what_people_apply_can_become_empty(objects):
    """The same for people who apply by the server, as Argo CD does: defaults stand where something was."""
    pinned = {"placement": {"nodeName": "node-a"}, "stream": {"fps": 5}, "analytics": {"lane": "1"}}
    for spec in (pinned, {"placement": {}, "stream": {}, "analytics": {}}, pinned, {}):
        objects.apply(camera("emptied", **spec))
    found = objects.get(kinds.CAMERAS, "default", "emptied")
    assert found["spec"]["placement"] == found["spec"]["stream"] == {}
    full = {"gates": {"minFpsRatio": 0.5}, "windows": [{"start": "01:00", "end": "02:00"}]}
    models = {"detector": {"name": "plates"}}
    for spec in (
        {"rollout": full, "models": models, "sinksRef": {"name": "a"}, "edge": {"nodeSelector": {"a": "b"}}},
        {"rollout": {"gates": {}}, "models": {}, "edge": {"nodeSelector": {}}},
        {},
    ):
        objects.apply(thing("AlprSite", "emptied", siteId="north", **spec))
    found = objects.get(kinds.SITES, "default", "emptied")
    assert found["spec"]["rollout"]["gates"] == found["spec"]["models"] == {}
    assert "sinksRef" not in found["spec"]
    objects.delete(kinds.CAMERAS, "default", "emptied")
    objects.delete(kinds.SITES, "default", "emptied")


def test_15_cameras_are_found_by_their_site_and_by_their_node(objects):
    for name, node in (("one", "node-a"), ("two", "node-b")):
        made = camera(f"found-{name}")
        made["spec"]["siteRef"]["name"] = f"site-{name}"
        objects.apply(made)
        head = {key: made[key] for key in ("apiVersion", "kind", "metadata")}
        objects.apply({**head, "status": {"nodeName": node}}, subresource="status")
    found = objects.list(kinds.CAMERAS, "default", fieldSelector="spec.siteRef.name=site-one")
    assert [one["metadata"]["name"] for one in found] == ["found-one"]
    found = objects.list(kinds.CAMERAS, "default", fieldSelector="status.nodeName=node-b")
    assert [one["metadata"]["name"] for one in found] == ["found-two"]
    for name in ("found-one", "found-two"):
        objects.delete(kinds.CAMERAS, "default", name)


def test_15_two_writers_share_the_conditions_by_type(objects, control_plane):
    other = Objects(control_plane.kubeconfig, manager="another")
    objects.apply(camera("shared"))
    head = {key: camera("shared")[key] for key in ("apiVersion", "kind", "metadata")}
    for client, kind in ((objects, "Assigned"), (other, "Streaming")):
        told = {"type": kind, "status": "True", "reason": kind}
        client.apply({**head, "status": {"conditions": [told]}}, subresource="status")
    conditions = objects.get(kinds.CAMERAS, "default", "shared")["status"]["conditions"]
    assert sorted(one["type"] for one in conditions) == ["Assigned", "Streaming"]
    objects.delete(kinds.CAMERAS, "default", "shared")
    other.close()


def test_15_an_object_of_all_bounds_is_taken_and_stays_in_the_servers_limits(objects):
    """64 cameras with everything in them: no rule costs more than the server allows."""
    zone = {"points": [[round(n / 16, 3), 0.5] for n in range(16)]}
    config = {
        "source": {"protocol": "rtsp", "url": "rtsp://" + "h" * 505},
        "analytics": {"roi": [zone] * 16, "ignore": [zone] * 16, "countries": ["DE"] * 32},
    }
    full = assignment("n" * 253)
    full["spec"]["cameras"] = [{"name": f"{number:063}", "epoch": 1, "config": config} for number in range(64)]
    assert taken(objects, full)
