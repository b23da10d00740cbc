"""`why`: sentences with numbers, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alpr_operator.kube.fleet import Fleet
from alpr_operator.kube.why import sentences, why
from alpr_testing import plain_objects as plain

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def told(camera: plain.Object, *around: plain.Object, site: plain.Object | None = None) -> str:
    fleet = Fleet.of([site or plain.site(), camera, *around])
    return "\n".join(line.text for line in sentences(why(fleet, camera, NOW)))


def unassigned(reason: str, message: str = "because", **spec: object) -> plain.Object:
    return plain.camera(node=None, conditions=[plain.turn("Assigned", "False", reason, message)], **spec)


def test_camera_that_streams() -> None:
    text = told(plain.camera(), plain.node(), plain.assignment("edge-1", "gate-1"), plain.report())
    assert "It is on node edge-1 for 2h (costs 3 units, epoch 1)." in text
    assert "Its pictures come in for 2h." in text
    assert "→" not in text


def test_failover_and_pin_are_told() -> None:
    conditions = [plain.turn("Assigned", "True", "FailedOver"), plain.turn("Streaming", "True")]
    found = plain.camera(conditions=conditions, placement={"nodeName": "edge-1"})
    assert "because the node before was lost, pinned" in told(found, plain.node(), plain.report())


def test_no_capacity_tells_the_sites_figures_and_three_ways_out() -> None:
    text = told(unassigned("InsufficientCapacity", "needs 3 units; site has 1 free of 32"))
    assert "needs 3 units; site has 1 free of 32." in text
    assert "The site uses 9 of 32 units, and keeps 10 % of each node in reserve." in text
    assert "add a node" in text
    assert '{"spec":{"priority":500}}' in text


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        ("NoNode", "kubectl label node NODE ovr-alpr.io/site=north ovr-alpr.io/node-class=CLASS"),
        ("PinnedNodeMissing", "kubectl alpr move gate-1 --unpin -n north"),
        ("SelectorMatchesNothing", "spec.placement.nodeSelector"),
        ("Invalid", "correct the field"),
    ],
)
def test_each_reason_has_its_way_out(reason: str, todo: str) -> None:
    assert todo in told(unassigned(reason))


def test_switched_off_and_quarantined_are_told_apart() -> None:
    assert "spec.enabled is false" in told(unassigned("Disabled", enabled=False))
    found = unassigned("Disabled", annotations={"ovr-alpr.io/quarantine": "true"})
    assert "kubectl annotate cameras.ovr-alpr.io gate-1 ovr-alpr.io/quarantine- -n north" in told(found)


def test_release_names_the_node_that_has_yet_to_let_go() -> None:
    released = [{"name": "gate-1", "epoch": 1, "to": "edge-2", "since": plain.SINCE, "revision": 5}]
    around = (plain.assignment("edge-1", revision=5, released=released), plain.report(revision=4))
    text = told(unassigned("Releasing"), plain.node(), *around)
    assert (
        "on its way to edge-2 until node edge-1 has let it go: revision 5 of its assignment says so, it has applied 4"
        in text
    )
    gone = told(unassigned("Releasing"), plain.node(ready=False), *around)
    assert "after 10m it counts as lost" in gone
    assert "between two nodes" in told(unassigned("Releasing"))


def test_node_away_says_what_will_happen() -> None:
    conditions = [plain.turn("Assigned", "True", "Assigned"), plain.turn("Streaming", "Unknown", "NodeOffline", "wait")]
    found = plain.camera(conditions=conditions)
    text = told(found, plain.node(ready=False), plain.report())
    assert "Node edge-1 is not ready for 2h; after 10m its cameras move, where there is room." in text
    assert "is not known for 2h (NodeOffline): wait." in text
    off = plain.site(assignment={"failover": {"enabled": False}})
    assert "failover is off" in told(found, plain.node(ready=False), plain.report(), site=off)


def test_agent_that_is_behind_or_silent() -> None:
    behind = told(plain.camera(), plain.node(), plain.assignment("edge-1", "gate-1"), plain.report(revision=2))
    assert "edge-1 has applied revision 2 of 4; its last report is 2h old." in behind
    silent = told(plain.camera(), plain.node(), plain.assignment("edge-1", "gate-1"))
    assert "has never reported" in silent
    assert "kubectl logs -n north" in silent


def test_draining_node_is_told_with_its_undo() -> None:
    text = told(plain.camera(), plain.node(**{"ovr-alpr.io/drain": "true"}), plain.report())
    assert "kubectl alpr drain edge-1 --undo" in text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Quarantined", "set it aside"),
        ("Connecting", "is connecting"),
        ("Failed", "No pictures come in for 2h (Failed): x."),
    ],
)
def test_dark_cameras(reason: str, said: str) -> None:
    conditions = [plain.turn("Assigned", "True"), plain.turn("Streaming", "False", reason, "x")]
    assert said in told(plain.camera(conditions=conditions), plain.node(), plain.report())


def test_missing_secret_gives_the_command_and_never_a_password() -> None:
    conditions = [
        plain.turn("Assigned", "True"),
        plain.turn("CredentialsValid", "False", "SecretMissing", "no Secret cams"),
    ]
    source = {"protocol": "rtsp", "url": "rtsp://192.0.2.10/a", "credentialsSecretRef": {"name": "cams"}}
    text = told(plain.camera(conditions=conditions, source=source), plain.node(), plain.report())
    assert "kubectl create secret generic cams -n north --from-literal=username=NAME --from-file=password=FILE" in text


def test_site_that_is_paused_missing_or_stalled() -> None:
    assert "kubectl alpr resume north -n north" in told(plain.camera(), site=plain.site(paused=True))
    assert "There is no AlprSite north" in told(plain.camera(), site=plain.site("south"))
    stalled = plain.site(status={"conditions": [plain.turn("Stalled", "True", "NoAccess", "run: this")]})
    assert "is stalled (NoAccess).\n  → run: this" in told(plain.camera(), site=stalled)


def test_camera_that_the_operator_has_not_seen() -> None:
    assert "The operator has said nothing of it yet." in told({**plain.camera(), "status": {}})
    behind = plain.camera()
    behind["metadata"]["generation"] = 2
    assert "has not taken up the last change" in told(behind)


def test_twins_are_told() -> None:
    conditions = [
        plain.turn("Assigned", "True"),
        plain.turn("UniqueSource", "False", "DuplicateUrl", "gate-2 reads it too"),
    ]
    assert "gate-2 reads it too." in told(plain.camera(conditions=conditions))


def test_camera_on_its_way_out() -> None:
    found = plain.camera()
    found["metadata"]["deletionTimestamp"] = plain.SINCE
    assert "It is being deleted" in told(found)
