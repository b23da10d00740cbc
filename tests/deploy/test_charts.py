"""What the charts make of values: golden files, refusals, rights, and that all three ways to make a site agree."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from alpr_operator.commands import kube
from alpr_operator.desired import Owner
from alpr_operator.desired.access import role
from alpr_operator.settings import Settings
from alpr_operator.store import SiteKey
from alpr_schemas.resources import AlprSite, Camera

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
NO_CRDS = {"crds": {"enabled": False}, "policies": {"enabled": False}}
NORTH = REPOSITORY / "kustomize" / "argocd" / "examples" / "sites" / "lab" / "north-gate" / "values.yaml"
FULL_OPERATOR = {
    **NO_CRDS,
    "imageRegistry": "registry.example.com/mirror/",
    "image": {"digest": "sha256:" + "a" * 64},
    "imagePullSecrets": ["mirror"],
    "replicas": 2,
    "config": {"lease": {"name": "ours"}, "budget": {"lazy_per_s": 20}},
    "env": [{"name": "ALPR_OPERATOR_WORKERS", "value": "4"}],
    "priorityClass": {"create": True},
    "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "control", "operator": "Exists"}],
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "podLabels": {"team": "video"},
    "podAnnotations": {"example.com/note": "x"},
    "serviceAccountAnnotations": {"example.com/role": "alpr"},
}


def one(found: list[Manifest], kind: str, name: str = "alpr-operator") -> Manifest:
    return next(each for each in found if each["kind"] == kind and each["metadata"]["name"] == name)


def dumped(found: list[Manifest]) -> str:
    return yaml.safe_dump_all(found, sort_keys=True, width=120)


# --- golden files


@pytest.mark.parametrize(
    ("chart", "values", "case"),
    [
        ("alpr-operator", NO_CRDS, "operator-default"),
        ("alpr-operator", FULL_OPERATOR, "operator-full"),
        ("alpr-site", {"name": "north-gate"}, "site-least"),
        (
            "alpr-site",
            {"name": "north-gate", **yaml.safe_load(NORTH.read_text()), "argocd": {"enabled": True}},
            "site-north-gate",
        ),
    ],
)
def test_render_is_as_read_in_review(
    render: Render, golden: Callable[[str, str], None], chart: str, values: Manifest, case: str
) -> None:
    golden(f"{case}.yaml", dumped(render(chart, values)))


@pytest.mark.parametrize("chart", ["alpr-operator", "alpr-site"])
def test_lint_is_clean(helm: Callable[..., subprocess.CompletedProcess[str]], chart: str) -> None:
    done = helm("lint", "--strict", f"helm/{chart}")
    assert done.returncode == 0, done.stdout


# --- refusals


OPERATOR_REFUSALS = [
    ({"replica": 2}, "additional properties 'replica' not allowed"),
    ({"replicas": 3}, "'/replicas': maximum: got 3, want 2"),
    ({"replicas": 0}, "'/replicas': minimum: got 0, want 1"),
    ({"image": {"digest": "latest"}}, "'/image/digest': 'latest' does not match pattern"),
    ({"image": {"pullPolicy": "Sometimes"}}, "'/image/pullPolicy'"),
    ({"imageRegistry": "https://registry.example.com"}, "'/imageRegistry'"),
    ({"name": "Alpr_Operator"}, "'/name'"),
    ({"config": {"lease": {"nam": "x"}}}, "'/config/lease': additional properties 'nam' not allowed"),
    ({"config": {"workers": 0}}, "'/config/workers': minimum: got 0, want 1"),
    ({"config": {"log_level": "loud"}}, "'/config/log_level'"),
    ({"config": {"budget": {"wide_per_s": -1}}}, "'/config/budget/wide_per_s'"),
    ({"config": {"listen_port": 9090}}, "'/config': additional properties 'listen_port' not allowed"),
    ({"networkPolicy": {"apiServerPorts": []}}, "'/networkPolicy/apiServerPorts'"),
    ({"networkPolicy": {"apiServerPorts": [70000]}}, "maximum: got 70,000, want 65,535"),
    ({"flowSchema": {"precedence": 1}}, "'/flowSchema/precedence'"),
    ({"metrics": {"serviceMonitor": {"interval": "often"}}}, "'/metrics/serviceMonitor/interval'"),
    ({"resources": {"limit": {}}}, "additional properties 'limit' not allowed"),
    ({"crds": {"enabled": "yes"}}, "'/crds/enabled': got string, want boolean"),
]
CAMERA = {"source": {"protocol": "rtsp", "url": "rtsp://192.0.2.10/a"}}
SITE_REFUSALS = [
    ({"name": "North Gate"}, "'/name'"),
    ({"nam": "north"}, "additional properties 'nam' not allowed"),
    ({"site": {"timezon": "UTC"}}, "'/site': additional properties 'timezon' not allowed"),
    ({"site": {"rollout": {"strategy": "Slowly"}}}, "'/site/rollout/strategy'"),
    ({"site": {"rollout": {"steps": [{"nodes": 0}]}}}, "'/site/rollout/steps/0"),
    ({"site": {"assignment": {"reservePercent": 95}}}, "'/site/assignment/reservePercent': maximum: got 95, want 90"),
    ({"site": {"edge": {"hostPath": "/etc"}}}, "'/site/edge/hostPath'"),
    ({"site": {"models": {"detector": {"name": "a", "digest": "sha256:1"}}}}, "/digest"),
    (
        {"cameras": {"gate-1": {"source": {**CAMERA["source"], "password": "x"}}}},
        "additional properties 'password' not allowed",
    ),
    (
        {"cameras": {"gate-1": {**CAMERA, "priority": 5000}}},
        "'/cameras/gate-1/priority': maximum: got 5,000, want 1,000",
    ),
    ({"cameras": {"Gate 1": CAMERA}}, "invalid propertyName 'Gate 1'"),
    ({"cameras": {"gate-1": {**CAMERA, "siteRef": {"name": "south"}}}}, "additional properties 'siteRef' not allowed"),
    (
        {"cameras": {"gate-1": {"source": {"protocol": "rtsp"}}}},
        "cameras.gate-1.source.url: where do its pictures come from?",
    ),
    (
        {"cameras": {"gate-1": {"source": {"url": "rtsp://192.0.2.1/a"}}}},
        "cameras.gate-1.source.protocol: say rtsp, onvif",
    ),
    (
        {"cameras": {"gate-1": {"source": {"protocol": "rtsp", "url": "rtsp://jo:hunter2@192.0.2.1/a"}}}},
        "cameras.gate-1.source.url: no user or password here; a Secret named in credentialsSecretRef holds them",
    ),
    ({"operator": {"namespace": ""}}, "'/operator/namespace'"),
    ({"argocd": {"enabled": 1}}, "'/argocd/enabled': got number, want boolean"),
    ({"sinks": {"config": {"KAFKA_SASL_PASSWORD": "hunter2"}}}, "invalid propertyName 'KAFKA_SASL_PASSWORD'"),
    (
        {"sinks": {"config": {"KAFKA_BOOTSTRAP_SERVERS": "a:9092"}}, "site": {"sinksRef": {"name": "other"}}},
        "sinks.config: site.sinksRef names where agents send already",
    ),
]


@pytest.mark.parametrize(
    ("chart", "values", "said"),
    [*(("alpr-operator", *case) for case in OPERATOR_REFUSALS), *(("alpr-site", *case) for case in SITE_REFUSALS)],
)
def test_bad_values_are_refused_by_name(
    helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, chart: str, values: Manifest, said: str
) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump({"name": "north", **values} if chart == "alpr-site" else values))
    done = helm("template", "north", f"helm/{chart}", "--values", str(path))
    assert done.returncode != 0
    assert said in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_release_name_that_names_no_site(helm: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = helm("template", "north.gate", "helm/alpr-site")
    assert 'name: "north.gate" cannot name a site' in done.stderr


# --- sources and copies


@pytest.mark.parametrize("script", ["write_schemas", "write_readmes"])
def test_what_is_made_from_values_is_up_to_date(script: str) -> None:
    spec = importlib.util.spec_from_file_location(script, REPOSITORY / "helm" / f"{script}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path, text in module.rendered().items():
        assert path.read_text() == text, f"run helm/{script}.py"


def held(folder: Path, pattern: str = "*.yaml") -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob(pattern) if path.is_file()}


@pytest.mark.parametrize("chart", ["alpr-operator", "alpr-crds"])
@pytest.mark.parametrize(("source", "copies"), [("crds", "files/crds"), ("crds/policies", "files/policies")])
def test_copies_in_the_chart_are_the_sources(chart: str, source: str, copies: str) -> None:
    ours = {path.name: path.read_text() for path in (REPOSITORY / source).glob("*.yaml")}
    assert ours, f"{source} holds nothing"
    assert held(REPOSITORY / "helm" / chart / copies) == ours, "run helm/copy-crds"


def test_charts_hold_the_library_as_it_is() -> None:
    library = held(REPOSITORY / "helm" / "alpr-lib", "*")
    users = [path.parents[1] for path in (REPOSITORY / "helm").glob("*/charts/alpr-lib")]
    assert {user.name for user in users} == {"alpr-services", "alpr-central"}
    for user in users:
        assert held(user / "charts" / "alpr-lib", "*") == library, "run helm/copy-crds"


@pytest.mark.parametrize("chart", ["alpr-operator", "alpr-crds"])
def test_crds_stay_on_uninstall_and_are_otherwise_the_sources(render: Render, chart: str) -> None:
    made = {each["metadata"]["name"]: each for each in render(chart) if each["kind"] == "CustomResourceDefinition"}
    sources = [yaml.safe_load(path.read_text()) for path in (REPOSITORY / "crds").glob("*.yaml")]
    assert set(made) == {source["metadata"]["name"] for source in sources}
    for source in sources:
        found = made[source["metadata"]["name"]]
        assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert found["spec"] == source["spec"]


# --- the operator's Deployment


def test_config_is_read_by_the_operators_own_model(
    render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = one(render("alpr-operator", FULL_OPERATOR), "ConfigMap")["data"]["operator.yaml"]
    path = tmp_path / "operator.yaml"
    path.write_text(text)
    monkeypatch.setitem(Settings.model_config, "yaml_file", path)
    settings = Settings()
    assert (settings.lease.name, settings.budget.lazy_per_s) == ("ours", 20)
    assert settings.listen_port == 8080


def test_defaults_in_values_are_the_models_defaults() -> None:
    values = yaml.safe_load((REPOSITORY / "helm" / "alpr-operator" / "values.yaml").read_text())["config"]
    plain = json.loads(Settings(identity="x").model_dump_json())

    def differing(told: Any, default: Any, where: str) -> list[str]:
        if isinstance(told, dict):
            return [line for key, each in told.items() for line in differing(each, default[key], f"{where}.{key}")]
        return [] if told == default else [f"{where}: {told} is not {default}"]

    assert differing(values, plain, "config") == []


def test_changed_config_restarts_the_pod(render: Render) -> None:
    def checksum(values: Manifest) -> str:
        pod = one(render("alpr-operator", values), "Deployment")["spec"]["template"]
        return str(pod["metadata"]["annotations"]["checksum/config"])

    assert checksum(NO_CRDS) == checksum({**NO_CRDS, "replicas": 2})
    assert checksum(NO_CRDS) != checksum({**NO_CRDS, "config": {"workers": 4}})


def test_pod_keeps_to_the_restricted_profile(render: Render) -> None:
    pod = one(render("alpr-operator", FULL_OPERATOR), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {key for volume in pod["volumes"] for key in volume if key != "name"} <= {"configMap", "emptyDir"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


def test_retire_hook_may_stop_the_operator_and_nothing_else(render: Render) -> None:
    hooks = [
        each for each in render("alpr-operator", NO_CRDS, hooks=True) if each["metadata"]["name"].endswith("-retire")
    ]
    assert {each["kind"] for each in hooks} == {"Job", "Role", "RoleBinding"}
    assert {each["metadata"]["annotations"]["helm.sh/hook"] for each in hooks} == {"pre-delete"}
    assert one(hooks, "Role", "alpr-operator-retire")["rules"] == [
        {
            "apiGroups": ["apps"],
            "resources": ["deployments/scale"],
            "resourceNames": ["alpr-operator"],
            "verbs": ["patch"],
        }
    ]
    container = one(hooks, "Job", "alpr-operator-retire")["spec"]["template"]["spec"]["containers"][0]
    assert [*container["command"], *container["args"]] == ["alpr-operator", "retire", "--deployment", "alpr-operator"]
    assert not [each for each in render("alpr-operator", {**NO_CRDS, "retireHook": {"enabled": False}}, hooks=True)
                if each["kind"] == "Job"]  # fmt: skip


def test_commands_of_the_chart_are_commands_of_the_program(render: Render) -> None:
    from alpr_operator.__main__ import main

    pods = [each["spec"]["template"]["spec"] for each in render("alpr-operator", NO_CRDS, hooks=True)
            if each["kind"] in ("Deployment", "Job")]  # fmt: skip
    words = [[*pod["containers"][0]["command"], *pod["containers"][0]["args"]] for pod in pods]
    assert {each[1] for each in words} <= set(main.commands)
    assert all(each[0] == "alpr-operator" for each in words)


def test_selectors_hold_no_version(render: Render) -> None:
    deployment = one(render("alpr-operator", NO_CRDS), "Deployment")
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "alpr-operator", "app.kubernetes.io/instance": "alpr-operator"}
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_operators_children_are_never_mistaken_for_the_charts_objects(render: Render) -> None:
    """The operator looks for its children by managed-by=alpr-operator; what a chart or Argo CD marks is not among them (test 27)."""
    for found in [*render("alpr-operator", NO_CRDS), *render("alpr-site", {"name": "north"})]:
        labels = found["metadata"].get("labels") or {}
        assert labels.get("app.kubernetes.io/managed-by") != "alpr-operator"


# --- rights


def rules(found: Manifest) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in found["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_no_wildcards_no_escalation_and_no_secrets_everywhere(render: Render) -> None:
    roles = [each for each in render("alpr-operator", NO_CRDS) if each["kind"] in ("ClusterRole", "Role")]
    every = {rule for each in roles for rule in rules(each)}
    assert not any("*" in part for rule in every for part in rule)
    assert not {verb for _, _, verb in every} & {"escalate", "bind", "impersonate"}
    everywhere = rules(one(roles, "ClusterRole"))
    assert not {resource for _, resource, _ in everywhere} & {"secrets", "configmaps", "pods"}
    writes = {rule for rule in everywhere if rule[2] not in ("get", "list", "watch")}
    assert writes == {
        ("ovr-alpr.io", "alprsites", "patch"),
        ("ovr-alpr.io", "cameras", "patch"),
        ("ovr-alpr.io", "alprsites/status", "patch"),
        ("ovr-alpr.io", "cameras/status", "patch"),
        ("events.k8s.io", "events", "create"),
        ("events.k8s.io", "events", "patch"),
    }
    assert {rule for rule in rules(one(roles, "ClusterRole", "alpr-operator-site")) if rule[1] == "secrets"} == {
        ("", "secrets", "get")
    }


def test_operator_holds_in_a_site_all_that_it_hands_on_to_agents(render: Render) -> None:
    held = rules(one(render("alpr-operator", NO_CRDS), "ClusterRole", "alpr-operator-site"))
    agents = role(Owner(SiteKey("north", "north"), "uid"), ["cameras"])
    assert rules(agents) <= held


def test_lease_right_is_for_the_lease_that_is_configured(render: Render) -> None:
    named = [each for each in one(render("alpr-operator", FULL_OPERATOR), "Role")["rules"] if "resourceNames" in each]
    assert [each["resourceNames"] for each in named] == [["ours"]]


def test_people_never_write_what_machines_write(render: Render) -> None:
    people = [
        each for each in render("alpr-operator", NO_CRDS) if each["metadata"]["name"].startswith("alpr-operator-user")
    ]
    assert len(people) == 3
    written = {resource for each in people for _, resource, verb in rules(each) if verb not in ("get", "list", "watch")}
    assert written == {"cameras", "alprsites"}


# --- a site, three ways


def as_set(found: list[Manifest]) -> set[str]:
    return {json.dumps(each, sort_keys=True) for each in found}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "north-gate"}, ["north-gate"]),
        ({"name": "north-gate", "site": {"timezone": "Europe/Berlin", "displayName": "North"}},
         ["north-gate", "--timezone", "Europe/Berlin", "--display-name", "North"]),
        ({"name": "a", "namespace": {"name": "b"}, "operator": {"name": "op", "namespace": "sys"}},
         ["a", "-n", "b", "--operator", "op", "--operator-namespace", "sys"]),
    ],
)  # fmt: skip
def test_site_init_prints_what_the_chart_makes(render: Render, values: Manifest, words: list[str]) -> None:
    printed = CliRunner().invoke(kube, ["site", "init", *words])
    assert printed.exit_code == 0
    assert as_set(list(yaml.safe_load_all(printed.output))) == as_set(render("alpr-site", values))


def test_kustomize_component_makes_what_the_chart_makes(render: Render, programs: Path) -> None:
    command = [str(programs / "kustomize"), "build", str(REPOSITORY / "kustomize" / "examples" / "north-gate")]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    source = {"protocol": "rtsp", "credentialsSecretRef": {"name": "cameras"}}
    values = {
        "name": "north-gate",
        "site": {"timezone": "Europe/Berlin"},
        "cameraDefaults": {"source": source},
        "cameras": {
            "gate-1": {"source": {"url": "rtsp://192.0.2.10/stream1"}},
            "gate-2": {"source": {"url": "rtsp://192.0.2.11/stream1"}, "priority": 200},
        },
    }
    assert as_set(list(yaml.safe_load_all(built))) == as_set(render("alpr-site", values))


def test_site_of_the_example_is_what_the_models_take(render: Render) -> None:
    made = render("alpr-site", yaml.safe_load(NORTH.read_text()), release="north-gate")
    sites = [AlprSite.model_validate(each) for each in made if each["kind"] == "AlprSite"]
    cameras = [Camera.model_validate(each) for each in made if each["kind"] == "Camera"]
    assert [site.spec.site_id for site in sites] == ["north-gate"]
    assert {camera.metadata.name: camera.spec.priority for camera in cameras} == {"gate-1": 100, "gate-2": 200}
    assert {camera.spec.site_ref.name for camera in cameras} == {"north-gate"}


def test_cameras_own_words_win_over_the_defaults(render: Render) -> None:
    values = {
        "name": "north",
        "cameraDefaults": {
            "source": {"protocol": "rtsp", "transport": "udp"},
            "analytics": {"countries": ["DE", "AT"]},
        },
        "cameras": {
            "1": {"source": {"url": "rtsp://192.0.2.1/a", "transport": "tcp"}, "analytics": {"countries": ["FR"]}},
            "2": {"source": {"url": "rtsp://192.0.2.2/a"}},
        },
    }
    made = {each["metadata"]["name"]: each["spec"] for each in render("alpr-site", values) if each["kind"] == "Camera"}
    assert made["1"]["source"]["transport"] == "tcp"
    assert made["1"]["analytics"]["countries"] == ["FR"]
    assert made["2"]["source"]["transport"] == "udp"
    assert made["2"]["analytics"]["countries"] == ["DE", "AT"]


def test_sinks_are_the_agents_variables_and_named_in_the_site(render: Render) -> None:
    """The README's own example, as the agent reads it."""
    from alpr_edge_agent.agent.settings import NodeSettings
    from alpr_kafka.settings import KafkaSettings, RegistrySettings

    text = (REPOSITORY / "helm" / "alpr-site" / "README.md").read_text()
    example = yaml.safe_load("\n".join(line for line in text.splitlines() if line.startswith("      ")))
    made = render("alpr-site", {"name": "north", **example})
    assert one(made, "AlprSite", "north")["spec"]["sinksRef"] == {"name": "sinks"}
    found = one(made, "ConfigMap", "sinks")["data"]
    known = {"SSL_CERT_FILE"} | {f"ALPR_AGENT_{name}".upper() for name in NodeSettings.model_fields}
    known |= {f"KAFKA_{name}".upper() for name in KafkaSettings.model_fields}
    known |= {f"SCHEMA_REGISTRY_{name}".upper() for name in RegistrySettings.model_fields}
    assert found.keys() <= known
    assert not [each for each in render("alpr-site", {"name": "north"}) if each["kind"] == "ConfigMap"]


def test_numbers_as_names_stay_text(render: Render) -> None:
    for found in render("alpr-site", {"name": "42"}):
        assert found["metadata"]["labels"]["ovr-alpr.io/site"] == "42"
        assert isinstance(found["metadata"]["name"], str)
