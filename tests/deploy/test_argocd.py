"""Health and actions in Argo CD's Lua, over every mix of conditions (test 28 of the operator's list)."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_testing.lua import Lua, ScriptError

pytestmark = pytest.mark.integration

ARGOCD = Path(__file__).parents[2] / "kustomize" / "argocd"
CUSTOMIZATIONS = ARGOCD / "resource_customizations"
SCRIPTS = CUSTOMIZATIONS / "ovr-alpr.io"
PLATFORM = ARGOCD / "examples" / "platform"
KINDS = ("AlprSite", "Camera", "EdgeAssignment", "EdgeReport")
HEALTH = (*(f"ovr-alpr.io/{kind}" for kind in KINDS), "argoproj.io/Application")
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


# --- Application


APP_STATES = (None, "Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown")
PHASES = (None, "Running", "Terminating", "Succeeded", "Failed", "Error")


def app_health(status: str | None, phase: str | None, *, deleting: bool) -> str:
    """A child is healthy when it says so and nothing is going on; a failed sync is never passed over."""
    if deleting or phase in ("Running", "Terminating"):
        return "Progressing"
    return "Degraded" if phase in ("Failed", "Error") else status or "Progressing"


def test_health_of_an_app_among_apps_over_every_mix(lua: Lua) -> None:
    told = lua.statuses(
        (CUSTOMIZATIONS / "argoproj.io" / "Application" / "health.lua").read_text(),
        {"kind": "Application", "metadata": {"name": "n"}, "spec": {}},
        [
            [{"status": {"health": {"status": state}}} if state else {} for state in APP_STATES],
            [{"status": {"operationState": {"phase": phase}}} if phase else {} for phase in PHASES],
            [deletion(deleting=False), deletion(deleting=True)],
        ],
    )
    mixes = product(APP_STATES, PHASES, (False, True))
    assert told == [app_health(status, phase, deleting=deleting) for status, phase, deleting in mixes]


# --- Argo CD's own test files


def health_cases() -> list[tuple[str, dict[str, Any]]]:
    return [
        (kind, case)
        for kind in HEALTH
        for case in yaml.safe_load((CUSTOMIZATIONS / kind / "health_test.yaml").read_text())["tests"]
    ]


@pytest.mark.parametrize(
    ("kind", "case"), health_cases(), ids=lambda value: value if isinstance(value, str) else value["inputPath"]
)
def test_health_samples(lua: Lua, kind: str, case: dict[str, Any]) -> None:
    sample = yaml.safe_load((CUSTOMIZATIONS / kind / case["inputPath"]).read_text())
    assert lua.results((CUSTOMIZATIONS / kind / "health.lua").read_text(), [sample]) == [case["healthStatus"]]


def test_every_sample_is_used() -> None:
    used = {CUSTOMIZATIONS / kind / case["inputPath"] for kind, case in health_cases()}
    assert used == set(CUSTOMIZATIONS.glob("*/*/testdata/*.yaml"))


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
    for kind in HEALTH:
        name = kind.replace("/", "_")
        assert data[f"resource.customizations.health.{name}"] == (CUSTOMIZATIONS / kind / "health.lua").read_text()
    actions = yaml.safe_load(data["resource.customizations.actions.ovr-alpr.io_AlprSite"])
    assert {one["name"] for one in actions["definitions"]} == {"pause", "resume", "rebalance", "rollback-model"}
    assert actions["discovery.lua"] == script("AlprSite", "actions/discovery.lua")


def platform() -> dict[str, dict[str, Any]]:
    """What the root application finds in its folder, by name; one object a file."""
    found = [yaml.safe_load(path.read_text()) for path in sorted(PLATFORM.iterdir())]
    return {one["metadata"]["name"]: one for one in found}


def test_platform_comes_up_in_waves() -> None:
    waves = {
        name: int(one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) for name, one in platform().items()
    }
    order = ["alpr-crds", "alpr-policies", "alpr-operator", "alpr-central", "alpr-services", "alpr-sites"]
    assert sorted(waves, key=waves.__getitem__) == order
    assert len(set(waves.values())) == len(order)
    assert waves["alpr-sites"] == 0


def test_root_takes_the_folder_and_takes_nothing_away() -> None:
    root = yaml.safe_load((ARGOCD / "examples" / "root.yaml").read_text())
    assert root["spec"]["source"]["path"] == PLATFORM.name
    assert root["spec"]["syncPolicy"]["automated"] == {"prune": False, "selfHeal": True}
    everything = [root, *platform().values()]
    assert not [one for one in everything if "finalizers" in one["metadata"]]
    sites = platform()["alpr-sites"]["spec"]["generators"][0]["matrix"]["generators"][0]["git"]
    assert sites["repoURL"] == root["spec"]["source"]["repoURL"]


def test_apps_are_charts_of_ours_with_values_that_render(
    helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    repository = ARGOCD.parents[1]
    spaces = {}
    for name, one in platform().items():
        if one["kind"] == "ApplicationSet":
            continue
        source, path = one["spec"]["source"], tmp_path / f"{name}.yaml"
        assert (repository / source["path"]).is_dir(), name
        spaces[name] = "CreateNamespace=true" in one["spec"]["syncPolicy"]["syncOptions"]
        if "helm" in source:
            path.write_text(yaml.safe_dump(source["helm"].get("valuesObject", {})))
            files = [f"{source['path']}/{file}" for file in source["helm"].get("valueFiles", [])]
            values = [word for file in [*files, str(path)] for word in ("--values", file)]
            done = helm("template", source["helm"]["releaseName"], source["path"], *values)
            assert done.returncode == 0, done.stderr
    assert [name for name, makes in spaces.items() if makes] == ["alpr-operator"]  # two would fight over its labels
    operator = platform()["alpr-operator"]["spec"]["source"]["helm"]["valuesObject"]
    assert operator["crds"]["enabled"] is operator["policies"]["enabled"] is False


def test_sites_go_ring_by_ring() -> None:
    told = platform()["alpr-sites"]["spec"]
    steps = told["strategy"]["rollingSync"]["steps"]
    assert [step["matchExpressions"][0]["operator"] for step in steps] == ["In", "In", "NotIn"]
    named = {value for step in steps[:2] for value in step["matchExpressions"][0]["values"]}
    assert named == set(steps[2]["matchExpressions"][0]["values"])  # every application is in exactly one step
    assert steps[2]["maxUpdate"] == "10%"
    label = steps[0]["matchExpressions"][0]["key"]
    assert label in told["template"]["metadata"]["labels"]
    assert told["template"]["spec"]["sources"][1]["helm"]["valuesObject"] == {"argocd": {"enabled": True}}
