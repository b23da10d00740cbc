"""Health and actions in Argo CD's Lua, over every mix of conditions (test 28 of the operator's list)."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_testing.lua import Lua, ScriptError

pytestmark = pytest.mark.integration

ARGOCD = Path(__file__).parents[2] / "kustomize" / "argocd"
SCRIPTS = ARGOCD / "resource_customizations" / "ovr-alpr.io"
KINDS = ("AlprSite", "Camera", "EdgeAssignment", "EdgeReport")
STATES = (None, "True", "False", "Unknown")
GENERATIONS = ("observed", "older", "never")
Patch = Mapping[str, Any]


def script(kind: str, name: str = "health.lua") -> str:
    return (SCRIPTS / kind / name).read_text()


def condition(kind: str, status: str | None, reason: str = "Said") -> Patch:
    if status is None:
        return {}
    return {"status": {"conditions": [{"type": kind, "status": status, "reason": reason, "message": "because"}]}}


def generation(seen: str) -> Patch:
    told: dict[str, Any] = {"metadata": {"generation": 3}}
    return told if seen == "never" else {**told, "status": {"observedGeneration": 3 if seen == "observed" else 2}}


def deletion(*, deleting: bool) -> Patch:
    return {"metadata": {"deletionTimestamp": "2026-03-01T09:00:00Z"}} if deleting else {}


def annotated(name: str, value: str | None) -> Patch:
    return {"metadata": {"annotations": {name: value}}} if value else {}


# --- AlprSite


SITE_CONDITIONS = ("Ready", "Reconciling", "Stalled", "CapacitySufficient", "AgentsAvailable", "RolloutProgressing")
PAUSES: Mapping[str, Patch] = {
    "no": {},
    "annotation says false": annotated("ovr-alpr.io/paused", "false"),
    "spec says false": {"spec": {"paused": False}},
    "annotation": annotated("ovr-alpr.io/paused", "true"),
    "spec": {"spec": {"paused": True}},
}


def site_health(
    ready: str | None, reconciling: str | None, stalled: str | None, seen: str, pause: str, *, deleting: bool
) -> str:
    """The rules as they are written down; written without a look at the script."""
    rules = (
        (deleting, "Progressing"),
        (seen != "observed", "Progressing"),
        (pause in ("annotation", "spec"), "Suspended"),
        (stalled == "True", "Degraded"),
        (ready == "True", "Healthy"),
        (ready == "False" and reconciling == "True", "Progressing"),
        (True, "Degraded"),
    )
    return next(status for holds, status in rules if holds)


def test_28_site_health_over_every_mix_of_conditions(lua: Lua) -> None:
    axes = [
        *([condition(kind, state) for state in STATES] for kind in SITE_CONDITIONS),
        [generation(seen) for seen in GENERATIONS],
        list(PAUSES.values()),
        [deletion(deleting=False), deletion(deleting=True)],
    ]
    told = lua.statuses(script("AlprSite"), {"kind": "AlprSite", "metadata": {"name": "n"}, "spec": {}}, axes)
    mixes = list(product(STATES, STATES, STATES, STATES, STATES, STATES, GENERATIONS, PAUSES, (False, True)))
    expected = [site_health(mix[0], mix[1], mix[2], mix[6], mix[7], deleting=mix[8]) for mix in mixes]
    wrong = [(mix, was, wanted) for mix, was, wanted in zip(mixes, told, expected, strict=True) if was != wanted]
    assert not wrong[:5]
    assert len(mixes) == 4**6 * 3 * 5 * 2
    assert set(told) == {"Progressing", "Suspended", "Degraded", "Healthy"}


# --- Camera


ASSIGNED = (None, ("True", "Assigned"), ("Unknown", "Said"), ("False", "Releasing"), ("False", "Waiting"),
            ("False", "InsufficientCapacity"), ("False", "Invalid"))  # fmt: skip
CREDENTIALS = (None, ("True", "Valid"), ("Unknown", "NotRead"), ("False", "SecretMissing"), ("False", "AuthFailed"))
QUARANTINE = (None, "false", "true")
Said = tuple[str, str] | None


def camera_health(
    ready: str | None, assigned: Said, credentials: Said, stalled: str | None, reconciling: str | None,
    seen: str, quarantine: str | None, *, deleting: bool,
) -> str:  # fmt: skip
    """The rules for a camera: what its pictures do is no fault of what Git says."""
    if deleting or seen != "observed":
        return "Progressing"
    if quarantine == "true":
        return "Suspended"
    if stalled == "True":
        return "Degraded"
    if ready == "True":
        return "Healthy"
    if (ready == "False" and reconciling == "True") or (assigned in (("False", "Releasing"), ("False", "Waiting"))):
        return "Progressing"
    usable = credentials is None or credentials[0] != "False" or credentials[1] == "AuthFailed"
    return "Healthy" if assigned == ("True", "Assigned") and usable else "Degraded"


def test_28_camera_health_over_every_mix_of_conditions(lua: Lua) -> None:
    axes = [
        [condition("Ready", state) for state in STATES],
        [condition("Assigned", *said) if said else {} for said in ASSIGNED],
        [condition("CredentialsValid", *said) if said else {} for said in CREDENTIALS],
        [condition("Streaming", state) for state in STATES],
        [condition("Stalled", state) for state in STATES],
        [condition("Reconciling", state) for state in STATES],
        [generation(seen) for seen in GENERATIONS],
        [annotated("ovr-alpr.io/quarantine", value) for value in QUARANTINE],
        [deletion(deleting=False), deletion(deleting=True)],
    ]
    told = lua.statuses(script("Camera"), {"kind": "Camera", "metadata": {"name": "n"}, "spec": {}}, axes)
    mixes = product(STATES, ASSIGNED, CREDENTIALS, STATES, STATES, STATES, GENERATIONS, QUARANTINE, (False, True))
    expected = [
        camera_health(ready, assigned, credentials, stalled, reconciling, seen, quarantine, deleting=deleting)
        for ready, assigned, credentials, _, stalled, reconciling, seen, quarantine, deleting in mixes
    ]
    assert len(told) == len(expected)
    assert told == expected


def test_camera_that_does_not_stream_is_never_degraded_by_that_alone(lua: Lua) -> None:
    camera = {
        "metadata": {"name": "gate-1", "generation": 1},
        "status": {
            "observedGeneration": 1,
            "conditions": [
                {"type": "Assigned", "status": "True"},
                {"type": "Streaming", "status": "False", "reason": "Failed"},
                {"type": "Ready", "status": "False", "reason": "Failed", "message": "no answer"},
            ],
        },
    }
    assert lua.results(script("Camera"), [camera]) == [{"status": "Healthy", "message": "assigned, but no answer"}]


# --- EdgeAssignment, EdgeReport


@pytest.mark.parametrize("deleting", [False, True])
@pytest.mark.parametrize("released", [0, 2])
@pytest.mark.parametrize("cameras", [None, 0, 3])
def test_28_assignment_health(lua: Lua, cameras: int | None, released: int, *, deleting: bool) -> None:
    spec = {"revision": 4} | ({"cameras": [{"name": str(i)} for i in range(cameras)]} if cameras is not None else {})
    found = {
        "metadata": dict(deletion(deleting=deleting).get("metadata", {})),
        "spec": {**spec, "released": [{"name": "r"}] * released},
    }
    status = "Progressing" if deleting or released else "Healthy"
    assert lua.results(script("EdgeAssignment"), [found])[0]["status"] == status


def test_28_report_health_over_every_mix_of_conditions(lua: Lua) -> None:
    kinds = ("PipelineRunning", "AssignmentAccepted", "DiskPressure")
    axes = [
        *([condition(kind, state) for state in STATES] for kind in kinds),
        [{}, {"status": {"appliedRevision": 3}}],
        [deletion(deleting=False), deletion(deleting=True)],
    ]
    told = lua.statuses(script("EdgeReport"), {"metadata": {"name": "n"}}, axes)
    expected = []
    for running, accepted, pressure, applied, deleting in product(STATES, STATES, STATES, (False, True), (False, True)):
        never = not applied and running is None and accepted is None and pressure is None
        bad = running == "False" or accepted == "False" or pressure == "True"
        expected.append("Progressing" if deleting or never else "Degraded" if bad else "Healthy")
    assert told == expected


# --- Argo CD's own test files


def health_cases() -> list[tuple[str, dict[str, Any]]]:
    return [(kind, case) for kind in KINDS for case in yaml.safe_load(script(kind, "health_test.yaml"))["tests"]]


@pytest.mark.parametrize(
    ("kind", "case"), health_cases(), ids=lambda value: value if isinstance(value, str) else value["inputPath"]
)
def test_health_samples(lua: Lua, kind: str, case: dict[str, Any]) -> None:
    sample = yaml.safe_load(script(kind, case["inputPath"]))
    assert lua.results(script(kind), [sample]) == [case["healthStatus"]]


def test_every_sample_is_used() -> None:
    used = {SCRIPTS / kind / case["inputPath"] for kind, case in health_cases()}
    assert used == {path for kind in KINDS for path in (SCRIPTS / kind / "testdata").glob("*.yaml")}


def action_cases(part: str) -> list[tuple[str, dict[str, Any]]]:
    told = {kind: yaml.safe_load(script(kind, "actions/action_test.yaml")) for kind in ("AlprSite", "Camera")}
    return [(kind, case) for kind, cases in told.items() for case in cases[part]]


@pytest.mark.parametrize(("kind", "case"), action_cases("discoveryTests"))
def test_actions_are_offered_where_they_make_sense(lua: Lua, kind: str, case: dict[str, Any]) -> None:
    sample = yaml.safe_load(script(kind, f"actions/{case['inputPath']}"))
    offered = lua.results(script(kind, "actions/discovery.lua"), [sample])[0]
    assert offered == {wanted.pop("name"): wanted for wanted in case["result"]}


@pytest.mark.parametrize(("kind", "case"), action_cases("actionTests"))
def test_actions_change_annotations_alone(lua: Lua, kind: str, case: dict[str, Any]) -> None:
    sample = yaml.safe_load(script(kind, f"actions/{case['inputPath']}"))
    act = script(kind, f"actions/{case['action']}/action.lua")
    if message := case.get("expectedErrorMessage"):
        with pytest.raises(ScriptError, match=message):
            lua.results(act, [sample])
        return
    changed = lua.results(act, [sample])[0]
    assert changed == yaml.safe_load(script(kind, f"actions/{case['expectedOutputPath']}"))
    assert {key: value for key, value in changed.items() if key != "metadata"} == {
        key: value for key, value in sample.items() if key != "metadata"
    }


def test_rebalance_asks_with_a_new_value_each_time(lua: Lua) -> None:
    act = script("AlprSite", "actions/rebalance/action.lua")
    asked = lua.results(act, [{"metadata": {"name": "n"}}])[0]["metadata"]["annotations"]
    assert set(asked) == {"ovr-alpr.io/rebalance"}
    assert asked["ovr-alpr.io/rebalance"].endswith("Z")


def test_actions_write_the_annotations_that_the_operator_reads() -> None:
    from alpr_operator.store import objects

    scripts = "".join(path.read_text() for path in SCRIPTS.rglob("action.lua"))
    for name in (objects.PAUSED, objects.REBALANCE, objects.ROLLBACK, objects.QUARANTINE):
        assert f'"{name}"' in scripts


# --- the ConfigMap patch, the waves, the examples


def test_patch_holds_the_scripts() -> None:
    spec = importlib.util.spec_from_file_location("write_patch", ARGOCD / "write_patch.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ARGOCD / "argocd-cm.patch.yaml").read_text() == module.rendered(), "run kustomize/argocd/write_patch.py"


def test_patch_keeps_each_script_word_for_word() -> None:
    data = yaml.safe_load((ARGOCD / "argocd-cm.patch.yaml").read_text())["data"]
    for kind in KINDS:
        assert data[f"resource.customizations.health.ovr-alpr.io_{kind}"] == script(kind)
    actions = yaml.safe_load(data["resource.customizations.actions.ovr-alpr.io_AlprSite"])
    assert {one["name"] for one in actions["definitions"]} == {"pause", "resume", "rebalance", "rollback-model"}
    assert actions["discovery.lua"] == script("AlprSite", "actions/discovery.lua")


def test_platform_comes_up_in_waves() -> None:
    applications = list(yaml.safe_load_all((ARGOCD / "examples" / "platform.yaml").read_text()))
    waves = {
        one["metadata"]["name"]: int(one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
        for one in applications
    }
    assert waves == {"alpr-crds": -10, "alpr-policies": -8, "alpr-operator": -5}
    repository = ARGOCD.parents[1]
    for one in applications:
        assert (repository / one["spec"]["source"]["path"]).is_dir()
    operator = applications[2]["spec"]["source"]["helm"]["valuesObject"]
    assert operator["crds"]["enabled"] is operator["policies"]["enabled"] is False


def test_sites_go_ring_by_ring() -> None:
    told = yaml.safe_load((ARGOCD / "examples" / "sites.yaml").read_text())["spec"]
    steps = told["strategy"]["rollingSync"]["steps"]
    assert [step["matchExpressions"][0]["operator"] for step in steps] == ["In", "In", "NotIn"]
    named = {value for step in steps[:2] for value in step["matchExpressions"][0]["values"]}
    assert named == set(steps[2]["matchExpressions"][0]["values"])  # every application is in exactly one step
    assert steps[2]["maxUpdate"] == "10%"
    label = steps[0]["matchExpressions"][0]["key"]
    assert label in told["template"]["metadata"]["labels"]
    assert told["template"]["spec"]["sources"][1]["helm"]["valuesObject"] == {"argocd": {"enabled": True}}
