"""The central tier's charts on a real API server: taken as they are, and again without a change; the rights of their steps."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_testing.control_plane import ControlPlane
from alpr_testing.kubeconform import out_of_reach
from alpr_testing.objects import Objects
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration

Manifest = dict[str, Any]
Known = Callable[[list[Manifest]], list[Manifest]]
SYSTEM = "alpr-system"
OURS = "app.kubernetes.io/managed-by=alpr-setup"


@pytest.fixture(scope="module")
def objects(control_plane: ControlPlane, schemas: list[Path], texts: dict[str, str]) -> Iterator[Objects]:
    """The server, with the CRDs of other projects that the charts use, as far as they can be had here."""
    crds = list(foreign_crds(schemas, texts))
    control_plane.apply(*crds)
    until(lambda: control_plane.served(crds), 60, "other projects' CRDs are served")
    yield from made_ready(control_plane)
    control_plane.kubectl("delete", *(flag for path in crds for flag in ("-f", str(path))))


def foreign_crds(schemas: list[Path], texts: dict[str, str]) -> Iterator[Path]:
    kinds = {
        (str(one["apiVersion"]).partition("/")[0], one["kind"])
        for text in texts.values()
        for one in yaml.safe_load_all(text)
        if one
    }
    for folder in schemas:
        for path in sorted((folder.parent / "crds").glob("*.yaml")):
            words = path.read_text()
            if any(f"group: {group}\n" in words and f"kind: {kind}\n" in words for group, kind in kinds):
                yield path


def made_ready(control_plane: ControlPlane) -> Iterator[Objects]:
    client = Objects(control_plane.kubeconfig)
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 7}
    # A controller would make it; there is none here.
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": SYSTEM}}
    apply(control_plane, [priority, account])
    yield client
    client.close()


@pytest.fixture
def space(objects: Objects) -> str:
    """A namespace of the test's own, which takes pods of the restricted profile alone."""
    name = f"c{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    return name


def apply(plane: ControlPlane, found: list[Manifest], *more: str) -> str:
    text = yaml.safe_dump_all(found)
    return plane.kubectl(
        "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-", *more, stdin=text
    )


@pytest.fixture
def known(schemas: list[Path]) -> Known:
    """Leaves out the kinds of other projects whose CRDs cannot be had here; neither kubeconform nor a server judges those."""
    beyond = out_of_reach(schemas)

    def kept(found: list[Manifest]) -> list[Manifest]:
        return [each for each in found if str(each["apiVersion"]).partition("/")[0] not in beyond]

    return kept


def test_29_server_takes_every_object(
    control_plane: ControlPlane, objects: Objects, rendered: list[Manifest], case: str, known: Known
) -> None:
    found = known(rendered)
    told = apply(control_plane, found, "--dry-run=server")
    assert told.count("serverside-applied (server dry run)") == len(found)


def test_29_applying_again_changes_nothing(
    control_plane: ControlPlane, objects: Objects, texts: dict[str, str], space: str, known: Known
) -> None:
    for name in ("central-one-machine", "services"):
        text = texts[name].replace(SYSTEM, space)
        found = known([each for each in yaml.safe_load_all(text) if each])

        def versions(found: list[Manifest] = found) -> dict[tuple[str, str], str]:
            items = json.loads(control_plane.kubectl("get", "-o", "json", "-f", "-", stdin=yaml.safe_dump_all(found)))
            return {
                (one["kind"], one["metadata"]["name"]): one["metadata"]["resourceVersion"]
                for one in items["items"]
                # The API server counts a claim's version on at the second write, though nothing differs; the diff below sees to it.
                if one["kind"] != "PersistentVolumeClaim"
            }

        # Pods change by themselves where somebody runs them.
        still = [each for each in found if each["kind"] not in ("Pod", "Job")]
        apply(control_plane, still)
        before = versions(still)
        apply(control_plane, still)
        assert versions(still) == before
        assert not control_plane.kubectl(
            "diff", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(still)
        )
        control_plane.kubectl("delete", "--wait=false", "-f", "-", stdin=yaml.safe_dump_all(still))


def test_37_every_pod_passes_the_restricted_profile(
    control_plane: ControlPlane, objects: Objects, rendered: list[Manifest], case: str, space: str
) -> None:
    made = []
    for one in rendered:
        spec = one.get("spec") or {}
        spec = spec["jobTemplate"]["spec"] if one["kind"] == "CronJob" else spec
        pod = spec if one["kind"] == "Pod" else spec.get("template", {}).get("spec")
        if one["kind"] not in ("Pod", "Deployment", "StatefulSet", "Job", "CronJob"):
            continue
        # Accounts are the chart's, and volumes of a StatefulSet its controller's: neither matters to the profile.
        volumes = [*pod.get("volumes", []), {"name": "data", "emptyDir": {}}]
        pod = {key: value for key, value in pod.items() if key != "serviceAccountName"}
        head = {"name": one["metadata"]["name"], "namespace": space}
        made.append({"apiVersion": "v1", "kind": "Pod", "metadata": head, "spec": {**pod, "volumes": volumes}})
    if made:
        objects.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": space}}
        )
        told = apply(control_plane, made, "--dry-run=server")
        assert told.count("serverside-applied") == len(made)


def test_rights_of_the_steps_suffice_and_secrets_stay(
    control_plane: ControlPlane, objects: Objects, texts: dict[str, str], space: str, tmp_path: Path
) -> None:
    """What the chart's Job does, as the chart's account: twice, as at an upgrade; then what an uninstall does."""
    found = [each for each in yaml.safe_load_all(texts["central-leaves-nothing"].replace(SYSTEM, space)) if each]
    access = [each for each in found if each["kind"] in ("ServiceAccount", "Role", "RoleBinding")]
    apply(control_plane, [each for each in access if each["metadata"]["name"].startswith("alpr-secrets")])
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        next(
            each for each in found if each["metadata"]["name"] == "alpr-secrets-first" and each["kind"] == "ConfigMap"
        )["data"]["plan.yaml"]
    )

    def setup(account: str, *words: str) -> subprocess.CompletedProcess[str]:
        kubeconfig = control_plane.kubeconfig_for(account, space)
        command = [sys.executable, "-m", "alpr_setup", "secrets", *words, "--namespace", space, "--kubeconfig"]
        return subprocess.run([*command, str(kubeconfig)], capture_output=True, text=True, check=False)

    def secrets() -> dict[str, Manifest]:
        items = json.loads(control_plane.kubectl("get", "secrets", "-n", space, "-l", OURS, "-o", "json"))["items"]
        return {one["metadata"]["name"]: one["data"] for one in items}

    first = setup("alpr-secrets-first", "ensure", str(plan))
    assert first.returncode == 0, first.stderr
    made = secrets()
    assert made.keys() == yaml.safe_load(plan.read_text())["secrets"].keys() | {"alpr-ca"}
    for account in ("alpr-secrets-first", "alpr-secrets"):
        again = setup(account, "ensure", str(plan))
        assert (again.returncode, again.stdout) == (0, "All Secrets are there.\n"), again.stderr
    assert secrets() == made
    gone = setup("alpr-secrets-last", "delete", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert secrets() == {}


def test_steps_may_do_nothing_else(
    control_plane: ControlPlane, texts: dict[str, str], objects: Objects, space: str
) -> None:
    found = [each for each in yaml.safe_load_all(texts["central-leaves-nothing"].replace(SYSTEM, space)) if each]
    apply(control_plane, [each for each in found if each["kind"] in ("ServiceAccount", "Role", "RoleBinding")])

    def can(verb: str, resource: str, account: str) -> bool:
        command = [
            str(control_plane.programs / "kubectl"),
            "--kubeconfig",
            str(control_plane.kubeconfig),
            "auth",
            "can-i",
        ]
        who = f"--as=system:serviceaccount:{space}:{account}"
        told = subprocess.run([*command, verb, resource, who, "-n", space], capture_output=True, text=True, check=False)
        return told.stdout.strip() == "yes"

    for account in ("alpr-secrets-first", "alpr-secrets"):
        assert can("create", "secrets", account)
        assert can("get", "secrets/alpr-ca", account)
        assert not can("list", "secrets", account)
        assert not can("get", "secrets/somebody-elses", account)
        assert not can("create", "pods", account)
    assert can("list", "secrets", "alpr-secrets-last")
    assert not can("delete", "secrets/somebody-elses", "alpr-secrets-last")


@pytest.mark.parametrize(
    ("chart", "command"),
    [
        ("alpr-central", "helm install alpr-services"),
        ("alpr-services", "helm install north-gate alpr-site"),
        ("alpr-crds", "helm install alpr-operator"),
    ],
)
def test_notes_name_the_next_command(
    control_plane: ControlPlane, objects: Objects, chart: str, command: str, helm: Callable[..., Any]
) -> None:
    where = ["--namespace", SYSTEM, "--kubeconfig", str(control_plane.kubeconfig)]
    # The CRDs are here already, and not this release's.
    less = ["--set", "crds.enabled=false,policies.enabled=false"] if chart == "alpr-crds" else []
    told = helm("install", "alpr", f"helm/{chart}", "--dry-run=client", *where, *less)
    assert command in told.stdout.partition("NOTES:")[2], told.stderr


def test_a_backup_reads_what_it_keeps_and_writes_nothing(
    control_plane: ControlPlane, texts: dict[str, str], objects: Objects, space: str
) -> None:
    """By the rights of the chart's own account; those of sites' Secrets only where the values say so."""
    kinds = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")

    def rights(case: str) -> dict[str, bool]:
        found = [each for each in yaml.safe_load_all(texts[case].replace(SYSTEM, space)) if each]
        made = [each for each in found if each["kind"] in kinds and "alpr-backup" in each["metadata"]["name"]]
        apply(control_plane, made)
        who = f"--as=system:serviceaccount:{space}:alpr-backup"
        base = [str(control_plane.programs / "kubectl"), "--kubeconfig", str(control_plane.kubeconfig), "auth", "can-i"]
        asked = {
            "own secrets": ["list", "secrets", "-n", space],
            "cameras": ["list", "cameras.ovr-alpr.io", "-A"],
            "sinks": ["get", "configmaps/sinks", "-n", "default"],
            "namespaces": ["list", "namespaces"],
            "others' secrets": ["list", "secrets", "-n", "default"],
            "others' configmaps": ["get", "configmaps/other", "-n", "default"],
            "pods": ["create", "pods", "-n", space],
            "write secrets": ["create", "secrets", "-n", space],
            "write cameras": ["patch", "cameras.ovr-alpr.io", "-n", space],
        }
        told = {}
        for name, words in asked.items():
            done = subprocess.run([*base, *words, who], capture_output=True, text=True, check=False)
            told[name] = done.stdout.strip() == "yes"
        return told

    allowed = {"own secrets", "cameras", "sinks", "namespaces"}
    assert {name for name, yes in rights("central-backup-operator").items() if yes} == allowed
    assert {name for name, yes in rights("central-backup").items() if yes} == allowed | {"others' secrets"}
