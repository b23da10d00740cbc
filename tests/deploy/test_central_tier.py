"""Charts of the central tier, in every size and mode: what each of them must hold, whatever its values."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_testing import kubeconform
from alpr_testing.manifests import containers, outside_the_restricted_profile, pods

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
Manifest = dict[str, Any]
GOLDEN = (
    "central",
    "central-medium",
    "central-one-machine",
    "central-external",
    "central-backup",
    "central-backup-operator",
    "services-small",
    "services-everything",
)
# Who may ask the API server, and who writes to the root of its file system: nobody else.
ASKS_THE_API = {"alpr-secrets", "alpr-secrets-first", "alpr-secrets-last"}
TOKEN = {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}


def one(found: list[Manifest], kind: str, name: str) -> Manifest:
    return next(each for each in found if each["kind"] == kind and each["metadata"]["name"] == name)


# --- whatever the values


@pytest.mark.parametrize("case", GOLDEN)
def test_render_is_as_read_in_review(texts: dict[str, str], golden: Callable[[str, str], None], case: str) -> None:
    found = [each for each in yaml.safe_load_all(texts[case]) if each]
    golden(f"{case}.yaml", yaml.safe_dump_all(found, sort_keys=True, width=120))


@pytest.mark.parametrize("chart", ["alpr-central", "alpr-services", "alpr-crds"])
def test_lint_is_clean(helm: Callable[..., subprocess.CompletedProcess[str]], chart: str) -> None:
    done = helm("lint", "--strict", f"helm/{chart}")
    assert done.returncode == 0, done.stdout


def test_a_second_render_is_the_same_byte_by_byte(
    helm: Callable[..., subprocess.CompletedProcess[str]], texts: dict[str, str]
) -> None:
    for name, chart in (("central", "alpr-central"), ("services", "alpr-services")):
        again = helm("template", "alpr", f"helm/{chart}", "--namespace", "alpr-system")
        assert again.stdout == texts[name]


def test_charts_ask_neither_chance_nor_the_cluster() -> None:
    for path in (REPOSITORY / "helm").rglob("templates/**/*"):
        if path.is_file():
            assert not re.search(
                r"\b(rand\w+|uuidv4|genCA|genS\w+Cert|lookup|now|derivePassword)\b.*\}\}", path.read_text()
            )


def test_no_pod_leaves_the_restricted_profile(rendered: list[Manifest], case: str) -> None:
    assert outside_the_restricted_profile(rendered) == []


def test_pods_have_limits_and_ask_no_api_server(rendered: list[Manifest], case: str) -> None:
    for name, _, pod in pods(rendered):
        assert pod["automountServiceAccountToken"] is (name in ASKS_THE_API), name
        holders = [c["name"] for c in containers(pod) if {"name": "account", **TOKEN} in c.get("volumeMounts", [])]
        assert holders == (["backup"] if name == "alpr-backup" else []), name
        assert pod["enableServiceLinks"] is False, name
        for container in containers(pod):
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys(), name
            assert "memory" in resources["limits"], name


def test_secrets_come_from_secrets_alone(rendered: list[Manifest], case: str) -> None:
    assert not [each for each in rendered if each["kind"] == "Secret"]
    for name, _, pod in pods(rendered):
        for container in containers(pod):
            for variable in container.get("env", []):
                secret = re.search(r"PASSWORD|SECRET|TOKEN|DSN|DATABASE_URL", variable["name"])
                if secret and not variable["name"].endswith("_FILE"):
                    assert "secretKeyRef" in variable["valueFrom"], f"{name}: {variable['name']}"


def test_every_pod_has_a_network_policy_of_its_own_beside_the_default(rendered: list[Manifest], case: str) -> None:
    policies = [each for each in rendered if each["kind"] == "NetworkPolicy"]
    for name, labels, _ in pods(rendered):
        selecting = [
            policy["metadata"]["name"]
            for policy in policies
            if policy["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()
        ]
        assert any(policy.endswith("-default-deny") for policy in selecting), name
        assert len(selecting) >= 2, name
    for policy in policies:
        if policy["metadata"]["name"].endswith("-default-deny"):
            assert not {"ingress", "egress"} & policy["spec"].keys()
            assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_everything_is_labelled_and_in_the_releases_namespace(rendered: list[Manifest], case: str) -> None:
    without = {"PersistentVolume", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
    for each in rendered:
        if each["kind"].startswith("ValidatingAdmissionPolicy") or each["kind"] in without:
            continue
        assert each["metadata"]["namespace"] == "alpr-system", each["metadata"]["name"]
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "ovr-alpr"


def test_what_a_pod_names_is_there(rendered: list[Manifest], case: str) -> None:
    """ConfigMaps and accounts are of the chart; Secrets are in its plan, or of those that alpr-services is told."""
    own = {(each["kind"], each["metadata"]["name"]) for each in rendered}
    secrets = set(
        yaml.safe_load((REPOSITORY / "helm/alpr-services/values.yaml").read_text())["connections"]["secrets"].values()
    )
    secrets.add("alpr-objectstore-agents")  # one's own store, too, has a user for agents: see the README
    for plan in (each["data"] for each in rendered if "plan.yaml" in (each.get("data") or {})):
        secrets |= yaml.safe_load(plan["plan.yaml"])["secrets"].keys()
    for name, _, pod in pods(rendered):
        assert ("ServiceAccount", pod.get("serviceAccountName")) in own or "serviceAccountName" not in pod, name
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in own, name
            if "secret" in volume:
                assert volume["secret"]["secretName"] in secrets, name
        mounted = {mount["name"] for container in containers(pod) for mount in container.get("volumeMounts", [])}
        assert mounted <= {volume["name"] for volume in pod.get("volumes", [])} | {"data"}, name


def test_steps_are_gone_when_they_succeeded(rendered: list[Manifest], case: str) -> None:
    for each in rendered:
        notes = each["metadata"].get("annotations") or {}
        if "helm.sh/hook" in notes:
            assert notes["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded", each["metadata"][
                "name"
            ]
        elif each["kind"] == "Job":
            pytest.fail(f"Job {each['metadata']['name']} is no step: an upgrade cannot change it")


def test_replicas_can_be_drained_one_by_one(rendered: list[Manifest], case: str) -> None:
    budgets = {each["metadata"]["name"]: each["spec"] for each in rendered if each["kind"] == "PodDisruptionBudget"}
    running = [each for each in rendered if each["kind"] in ("Deployment", "StatefulSet")]
    assert {each["metadata"]["name"] for each in running} == set(budgets)
    for each in running:
        budget = budgets[each["metadata"]["name"]]
        assert budget["maxUnavailable"] == 1
        assert budget["selector"] == each["spec"]["selector"]
        probes = each["spec"]["template"]["spec"]["containers"][0]
        assert {"livenessProbe", "readinessProbe"} <= probes.keys()


# --- schemas


MISSPELT = {
    "kubernetes": ("central", "serviceName:", "servicename:"),
    "strimzi": ("central-kafka-operator", "entityOperator:", "entityOperators:"),
    "barman": ("central-backup-operator", "destinationPath:", "destination:"),
    "keda": ("services-everything", "minReplicaCount:", "minReplicas:"),
    "gateway": ("services-everything", "parentRefs:", "parents:"),
}


@pytest.fixture(scope="session")
def verdicts(
    programs: Path, schemas: list[Path], texts: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Manifest]]:
    """What kubeconform says of each object of each case, and of cases with a misspelt word."""
    wrong = {f"misspelt-{group}": texts[case].replace(word, other) for group, (case, word, other) in MISSPELT.items()}
    folder = tmp_path_factory.mktemp("judged")
    return kubeconform.verdicts(programs / "kubeconform", schemas, texts | wrong, folder)


def test_29_kubeconform_finds_nothing(
    verdicts: dict[str, list[Manifest]], schemas: list[Path], rendered: list[Manifest], case: str
) -> None:
    assert len(verdicts[case]) == len(rendered)
    assert kubeconform.invalid(verdicts[case]) == []
    skipped = kubeconform.not_judged(verdicts[case])
    assert skipped <= kubeconform.out_of_reach(schemas)
    if skipped:
        pytest.skip(f"not verified here, as their CRDs cannot be had: {', '.join(sorted(skipped))}; the rest is valid")


@pytest.mark.parametrize("group", MISSPELT)
def test_29_kubeconform_finds_a_misspelt_word(
    verdicts: dict[str, list[Manifest]], schemas: list[Path], texts: dict[str, str], group: str
) -> None:
    if group not in {folder.parent.name for folder in schemas}:
        pytest.skip(f"the schemas of {group} cannot be had here")
    case, word, other = MISSPELT[group]
    assert word in texts[case]
    said = [one["msg"] for one in verdicts[f"misspelt-{group}"] if one["status"] == "statusInvalid"]
    assert any(other.rstrip(":") in message for message in said)
