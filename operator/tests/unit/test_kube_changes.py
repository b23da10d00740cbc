"""What `kubectl alpr` changes, and what it prints of a new site."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_operator.kube import changes
from alpr_operator.kube.errors import NotThere, Refused, not_there
from alpr_operator.kube.fleet import Fleet
from alpr_operator.kube.site_manifests import NewSite, manifests, name_problem
from alpr_schemas.resources import AlprSite
from alpr_testing import plain_objects as plain

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_pin_takes_a_selector_away() -> None:
    assert changes.pin("edge-2") == {"spec": {"placement": {"nodeName": "edge-2", "nodeSelector": None}}}
    assert changes.unpin() == {"spec": {"placement": {"nodeName": None}}}


def test_drain_and_pause_are_undone_by_taking_their_mark_off() -> None:
    assert changes.drain(undo=False)["metadata"]["labels"] == {"ovr-alpr.io/drain": "true"}
    assert changes.drain(undo=True)["metadata"]["labels"] == {"ovr-alpr.io/drain": None}
    assert changes.pause(resume=False)["metadata"]["annotations"] == {"ovr-alpr.io/paused": "true"}
    assert changes.pause(resume=True)["metadata"]["annotations"] == {"ovr-alpr.io/paused": None}


def test_rollback_names_the_state_that_is_left() -> None:
    found = plain.site(status={"rollout": {"phase": "Progressing", "fromDigest": OLD, "toDigest": NEW}})
    assert changes.roll_back(found) == {"metadata": {"annotations": {"ovr-alpr.io/rollback": NEW}}}


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        (None, "has no state before"),
        ({"phase": "Idle", "toDigest": NEW}, "has no state before"),
        ({"phase": "Idle", "fromDigest": NEW, "toDigest": NEW}, "has no state before"),
        (
            {"phase": "RolledBack", "fromDigest": OLD, "toDigest": NEW, "message": "3 of 4"},
            "has gone back already: 3 of 4",
        ),
    ],
)
def test_rollback_without_anything_to_go_back_to(rollout: dict[str, str] | None, said: str) -> None:
    with pytest.raises(Refused, match=said):
        changes.roll_back(plain.site(status={"rollout": rollout}))


def test_pause_in_the_spec_outlives_resume() -> None:
    assert "spec.paused is true" in changes.still_paused(plain.site(paused=True))
    assert changes.still_paused(plain.site()) == ""


def test_who_keeps_an_object_in_git_is_named() -> None:
    tracked = plain.camera(annotations={"argocd.argoproj.io/tracking-id": "site:ovr-alpr.io/Camera:north/gate-1"})
    assert "Argo CD keeps it" in changes.kept_elsewhere(tracked)
    flux = plain.camera()
    flux["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "sites"}
    assert "Flux keeps it" in changes.kept_elsewhere(flux)
    assert changes.kept_elsewhere(plain.camera()) == ""


def test_what_speaks_against_a_move() -> None:
    away = plain.node("edge-2", of="south", ready=False, **{"ovr-alpr.io/drain": "true"})
    fleet = Fleet.of([plain.site(), plain.node(), away])
    assert changes.against_move(fleet, plain.camera(), "edge-1") == []
    assert len(changes.against_move(fleet, plain.camera(), "edge-2")) == 3
    assert changes.against_move(Fleet.of([plain.site()]), plain.camera(), "edge-9") == []


def test_outlook_of_a_drain_counts_and_names_pins() -> None:
    pinned = plain.camera("gate-2", placement={"nodeName": "edge-1"})
    fleet = Fleet.of([plain.site(), plain.camera(), pinned, plain.assignment("edge-1", "gate-1", "gate-2")])
    assert changes.drain_outlook(fleet, "edge-1") == [
        "2 cameras of north move, at most 30 a minute",
        "gate-2 is pinned there and will wait without a node",
    ]
    assert changes.drain_outlook(fleet, "edge-2") == []


@pytest.mark.parametrize(("applied", "left"), [(4, 2), (5, 1)])
def test_a_node_is_empty_once_it_has_acknowledged(applied: int, left: int) -> None:
    released = [{"name": "gate-2", "revision": 5}]
    found = plain.assignment("edge-1", "gate-1", revision=5, released=released)
    assert (
        changes.left_on([found, plain.assignment("edge-2", "gate-3")], [plain.report(revision=applied)], "edge-1")
        == left
    )


def test_new_site_is_namespace_right_and_alpr_site() -> None:
    made = manifests(NewSite("north-gate", "north-gate", timezone="Europe/Berlin", display_name="North"))
    assert [one["kind"] for one in made] == ["Namespace", "RoleBinding", "AlprSite"]
    namespace, binding, site = made
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert binding["roleRef"]["name"] == "alpr-operator-site"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "alpr-operator", "namespace": "alpr-system"}]
    assert AlprSite.model_validate(site, extra="forbid").spec.timezone == "Europe/Berlin"


def test_access_alone_leaves_an_alpr_site_as_it_is() -> None:
    assert [one["kind"] for one in manifests(NewSite("a", "b"), access_only=True)] == ["Namespace", "RoleBinding"]


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True))
def test_names_that_a_namespace_may_have(name: str) -> None:
    assert name_problem(name) == ""
    site = manifests(NewSite(name, name))[2]
    assert AlprSite.model_validate(site).spec.site_id == name


@pytest.mark.parametrize("name", ["", "North", "-a", "a-", "a.b", "a_b", "ä", "a" * 64, "a/b"])
def test_names_that_it_may_not(name: str) -> None:
    assert "cannot name a site" in name_problem(name)


def test_unknown_names_come_with_near_ones() -> None:
    error = not_there("Camera", "gte-1", "namespace north", ["gate-1", "gate-2", "yard"])
    assert str(error) == "no Camera gte-1 in namespace north; did you mean gate-1 or gate-2?"
    assert isinstance(error, NotThere)
    assert "there: a, b, c, d, e …" in str(not_there("Node", "xxxx", "the cluster", "abcdef"))
    assert "there is no Node at all" in str(not_there("Node", "x", "the cluster", []))
