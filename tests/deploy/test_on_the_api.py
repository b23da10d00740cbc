"""Charts, the kustomize component and `kubectl alpr` on a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_kubernetes import kinds
from alpr_testing.control_plane import ControlPlane, running_control_plane
from alpr_testing.objects import Objects, TestSite
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
NORTH = REPOSITORY / "kustomize" / "argocd" / "examples" / "sites" / "lab" / "north-gate" / "values.yaml"
SYSTEM = "alpr-system"
OPERATOR = f"system:serviceaccount:{SYSTEM}:alpr-operator"
Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
NO_CRDS = {"crds": {"enabled": False}}


@pytest.fixture(scope="module")
def objects(control_plane: ControlPlane) -> Iterator[Objects]:
    client = Objects(control_plane.kubeconfig)
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    yield client
    client.close()


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane, objects: Objects, render: Render) -> list[Manifest]:
    """The operator's chart, applied."""
    found = render("alpr-operator", NO_CRDS)
    apply(control_plane, found)
    return found


@pytest.fixture
def name() -> str:
    return f"s{uuid.uuid4().hex[:8]}"


@pytest.fixture
def alpr(control_plane: ControlPlane) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`kubectl alpr …` as kubectl itself runs its plug-in; as the administrator, or whom `kubeconfig` says."""
    path = f"{Path(sys.executable).parent}:{control_plane.programs}:{os.environ['PATH']}"

    def run(*words: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": path, "KUBECONFIG": str(kubeconfig or control_plane.kubeconfig)}
        command = ["kubectl", "alpr", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def apply(plane: ControlPlane, found: list[Manifest], *more: str) -> str:
    text = yaml.safe_dump_all(found)
    return plane.kubectl(
        "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-", *more, stdin=text
    )


def can(plane: ControlPlane, verb: str, resource: str, namespace: str | None) -> bool:
    where = ["-n", namespace] if namespace else ["-A"]
    command = [str(plane.programs / "kubectl"), "--kubeconfig", str(plane.kubeconfig)]
    told = subprocess.run(
        [*command, "auth", "can-i", verb, resource, f"--as={OPERATOR}", *where],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() == "yes"


# --- charts


@pytest.mark.parametrize("replicas", [1, 2])
def test_operator_chart_passes_a_strict_dry_run(
    control_plane: ControlPlane, objects: Objects, render: Render, replicas: int
) -> None:
    values = {**NO_CRDS, "replicas": replicas, "priorityClass": {"create": True}}
    told = apply(control_plane, render("alpr-operator", values), "--dry-run=server")
    assert "deployment.apps/alpr-operator serverside-applied (server dry run)" in told


def test_applying_again_changes_nothing(control_plane: ControlPlane, installed: list[Manifest], render: Render) -> None:
    def versions() -> dict[tuple[str, str], str]:
        told = control_plane.kubectl("get", "-o", "json", "-f", "-", stdin=yaml.safe_dump_all(installed))
        items = json.loads(told)["items"]
        return {(one["kind"], one["metadata"]["name"]): one["metadata"]["resourceVersion"] for one in items}

    before = versions()
    assert len(before) == len(installed)
    apply(control_plane, render("alpr-operator", NO_CRDS))
    assert versions() == before


def test_site_chart_is_taken_as_it_is(control_plane: ControlPlane, objects: Objects, render: Render, name: str) -> None:
    values = {**yaml.safe_load(NORTH.read_text()), "name": name, "argocd": {"enabled": True}}
    found = render("alpr-site", values)
    apply(control_plane, found)
    cameras = {one["metadata"]["name"]: one for one in objects.list(kinds.CAMERAS, name)}
    assert set(cameras) == {"gate-1", "gate-2"}
    again = apply(control_plane, found)
    assert again.count("serverside-applied") == len(found)
    for one in objects.list(kinds.CAMERAS, name):
        assert one["metadata"]["resourceVersion"] == cameras[one["metadata"]["name"]]["metadata"]["resourceVersion"]


def test_pods_of_the_chart_pass_the_restricted_profile(
    control_plane: ControlPlane, objects: Objects, render: Render, name: str
) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    account = {"name": "alpr-operator", "namespace": name}
    objects.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    found = [one for one in render("alpr-operator", NO_CRDS, hooks=True) if one["kind"] in ("Deployment", "Job")]
    for one in found:
        spec = one["spec"]["template"]["spec"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": one["metadata"]["name"], "namespace": name},
            "spec": spec,
        }
        assert "serverside-applied" in apply(control_plane, [pod], "--dry-run=server")
    assert len(found) == 2
    spec["securityContext"]["runAsNonRoot"] = False
    with pytest.raises(subprocess.CalledProcessError) as refused:
        apply(control_plane, [pod], "--dry-run=server")
    assert 'violates PodSecurity "restricted' in refused.value.stderr


def test_flow_schemas_name_priority_levels_that_are_there(
    control_plane: ControlPlane, installed: list[Manifest]
) -> None:
    dangling = '-o=jsonpath={.items[*].status.conditions[?(@.type=="Dangling")].status}'
    until(
        lambda: (
            control_plane.kubectl("get", "flowschemas", "-l", "app.kubernetes.io/name=alpr-operator", dangling)
            == "False False"
        ),
        20,
        "both FlowSchemas are in use",
    )


def test_helm_installs_upgrades_and_leaves_crds_but_no_finalizer(
    control_plane: ControlPlane, objects: Objects, programs: Path, tmp_path: Path
) -> None:
    """On a server of its own: CRDs come with the release here, and what stays at the end is looked at."""

    def helm(*arguments: str) -> str:
        command = [str(programs / "helm"), "--kubeconfig", str(plane.kubeconfig), *arguments]
        environment = {**os.environ, "HELM_CACHE_HOME": str(tmp_path), "HELM_CONFIG_HOME": str(tmp_path)}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with running_control_plane(tmp_path / "plane", crds=False) as plane:
        helm("install", "alpr-operator", "helm/alpr-operator", "-n", SYSTEM, "--create-namespace")
        kept = plane.kubectl("get", "crd", "-o", "name").split()
        assert "customresourcedefinition.apiextensions.k8s.io/cameras.ovr-alpr.io" in kept
        plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *kept)
        helm("upgrade", "alpr-operator", "helm/alpr-operator", "-n", SYSTEM)
        helm("install", "north-gate", "helm/alpr-site", "-n", SYSTEM, "--values", str(NORTH))
        assert plane.kubectl("get", "cameras", "-n", "north-gate", "-o", "name").split() == [
            "camera.ovr-alpr.io/gate-1",
            "camera.ovr-alpr.io/gate-2",
        ]
        helm("uninstall", "north-gate", "-n", SYSTEM)
        # No kubelet runs the hook's pod here; what it does is tried below.
        helm("uninstall", "alpr-operator", "-n", SYSTEM, "--no-hooks")
        assert plane.kubectl("get", "crd", "-o", "name").split() == kept
        assert plane.kubectl("get", "alprsites,cameras", "-A", "-o", "name") == ""
        left = plane.kubectl("get", "clusterrole,clusterrolebinding,flowschema", "-o", "name")
        assert "alpr" not in left


# --- rights


EVERYWHERE = [
    ("list", "cameras.ovr-alpr.io", True),
    ("watch", "nodes", True),
    ("patch", "cameras.ovr-alpr.io/status", True),
    ("watch", "rolebindings.rbac.authorization.k8s.io", True),
    ("create", "events.events.k8s.io", True),
    ("get", "secrets", False),
    ("list", "secrets", False),
    ("list", "pods", False),
    ("create", "edgeassignments.ovr-alpr.io", False),
    ("create", "roles.rbac.authorization.k8s.io", False),
    ("escalate", "roles.rbac.authorization.k8s.io", False),
    ("bind", "clusterroles.rbac.authorization.k8s.io", False),
    ("patch", "nodes", False),
    ("delete", "cameras.ovr-alpr.io", False),
    ("update", "alprsites.ovr-alpr.io", False),
]
IN_A_SITE = [
    ("create", "edgeassignments.ovr-alpr.io", True),
    ("patch", "daemonsets.apps", True),
    ("delete", "pods", True),
    ("get", "secrets", True),
    ("list", "secrets", False),
    ("watch", "secrets", False),
    ("create", "secrets", False),
    ("create", "pods", False),
    ("delete", "cameras.ovr-alpr.io", False),
    ("create", "pods/exec", False),
]


@pytest.mark.parametrize(("verb", "resource", "allowed"), EVERYWHERE)
def test_what_the_operator_may_everywhere(
    control_plane: ControlPlane,
    installed: list[Manifest],
    verb: str,
    resource: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    assert can(control_plane, verb, resource, None) is allowed


def test_what_the_operator_may_in_a_site_and_only_there(
    control_plane: ControlPlane, installed: list[Manifest], render: Render, name: str
) -> None:
    apply(control_plane, render("alpr-site", {"name": name}))
    wrong = [case for case in IN_A_SITE if can(control_plane, case[0], case[1], name) is not case[2]]
    assert wrong == []
    assert not can(control_plane, "get", "secrets", "default")
    assert not can(control_plane, "create", "daemonsets.apps", "default")
    assert can(control_plane, "update", "leases.coordination.k8s.io/alpr-operator", SYSTEM)
    assert not can(control_plane, "update", "leases.coordination.k8s.io/another", SYSTEM)


def test_operator_can_give_agents_their_role_and_not_a_right_more(
    control_plane: ControlPlane, installed: list[Manifest], render: Render, name: str
) -> None:
    from alpr_operator.desired import Owner
    from alpr_operator.desired.access import role
    from alpr_operator.store import SiteKey

    apply(control_plane, render("alpr-site", {"name": name}))
    wanted = role(Owner(SiteKey(name, name), str(uuid.uuid4())), ["cameras"])
    apply(control_plane, [wanted], f"--as={OPERATOR}")
    wanted["rules"].append({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]})
    with pytest.raises(subprocess.CalledProcessError) as refused:
        apply(control_plane, [wanted], f"--as={OPERATOR}")
    assert "attempting to grant RBAC permissions not currently held" in refused.value.stderr


def test_retiring_stops_the_operator_and_takes_its_finalizers_off(
    control_plane: ControlPlane, installed: list[Manifest], objects: Objects, render: Render, name: str
) -> None:
    def retire(*more: str) -> subprocess.CompletedProcess[str]:
        account = control_plane.kubeconfig_for("alpr-operator", SYSTEM)
        command = [sys.executable, "-m", "alpr_operator", "retire", "--kubeconfig", str(account), *more]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    hooks = render("alpr-operator", NO_CRDS, hooks=True)
    apply(control_plane, [one for one in hooks if one["metadata"]["name"].endswith("-retire") and one["kind"] != "Job"])
    site = TestSite(objects, name).made()
    site.cameras(40)
    for camera in ("cam-001", "cam-037"):
        finalizers = {"metadata": {"finalizers": ["ovr-alpr.io/drain", "example.com/kept"]}}
        objects.merge(kinds.CAMERAS, name, camera, finalizers)
    told = retire("--deployment", "alpr-operator")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-1] == "finalizers taken off 2 cameras"
    assert (site.seen("cam-037") or {})["metadata"]["finalizers"] == ["example.com/kept"]
    replicas = control_plane.kubectl(
        "get", "deployment", "alpr-operator", "-n", SYSTEM, "-o", "jsonpath={.spec.replicas}"
    )
    assert replicas == "0"
    for camera in ("cam-001", "cam-037"):
        objects.merge(kinds.CAMERAS, name, camera, {"metadata": {"finalizers": None}})
    assert retire().stdout.splitlines()[-1] == "finalizers taken off 0 cameras"


def test_retiring_waits_for_the_operator_that_leads(control_plane: ControlPlane, installed: list[Manifest]) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "alpr-operator", "namespace": SYSTEM},
        "spec": {"holderIdentity": "another", "leaseDurationSeconds": 600, "leaseTransitions": 1},
    }
    apply(control_plane, [lease], "--force-conflicts")
    account = control_plane.kubeconfig_for("alpr-operator", SYSTEM)
    command = [sys.executable, "-m", "alpr_operator", "retire", "--kubeconfig", str(account), "--within", "1"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    control_plane.kubectl("delete", "lease", "alpr-operator", "-n", SYSTEM)
    assert told.returncode == 1
    assert "the operator still holds its Lease after 1 s" in told.stderr


# --- kubectl alpr


@pytest.fixture
def site(objects: Objects, name: str) -> TestSite:
    """A site with two cameras on one node, told about as an operator would."""
    site = TestSite(objects, name).made(timezone="Europe/Berlin")
    site.cameras(2)
    site.node(f"{name}-n1")
    assignment = {
        "apiVersion": kinds.ASSIGNMENTS.api_version,
        "kind": "EdgeAssignment",
        "metadata": {"name": f"{name}-n1", "namespace": name, "labels": {"ovr-alpr.io/site": name}},
        "spec": {
            "nodeName": f"{name}-n1",
            "site": name,
            "revision": 2,
            "cameras": [
                {"name": "cam-000", "epoch": 1, "since": "2026-03-01T08:00:00Z", "config": {"source": source}}
                for source in [{"protocol": "rtsp", "url": "rtsp://192.0.2.1/a"}]
            ],
        },
    }
    objects.apply(assignment)
    say(objects, name, "cam-000", {"type": "Assigned", "status": "True", "reason": "Assigned"}, f"{name}-n1")
    say(objects, name, "cam-001", {"type": "Assigned", "status": "False", "reason": "InsufficientCapacity",
                                   "message": "needs 3 units; site has 1 free of 2"}, None)  # fmt: skip
    return site


def say(objects: Objects, namespace: str, camera: str, told: Manifest, node: str | None) -> None:
    status = {
        "observedGeneration": 1,
        "costUnits": 3,
        "epoch": 1,
        "conditions": [{"lastTransitionTime": "2026-03-01T08:00:00Z", "message": "", **told}],
    }
    head = {
        "apiVersion": kinds.CAMERAS.api_version,
        "kind": "Camera",
        "metadata": {"name": camera, "namespace": namespace},
    }
    objects.apply({**head, "status": {**status, **({"nodeName": node} if node else {})}}, subresource="status")


def test_kubectl_finds_the_plugin_and_shows_a_site(
    alpr: Callable[..., subprocess.CompletedProcess[str]], site: TestSite
) -> None:
    told = alpr("status", "-n", site.name)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[1].split()[0] == site.name
    cameras = json.loads(alpr("cameras", "-n", site.name, "-o", "json").stdout)
    assert [(one["name"], one["node"]) for one in cameras] == [("cam-000", f"{site.name}-n1"), ("cam-001", None)]
    nodes = json.loads(alpr("nodes", "-n", site.name, "-o", "json").stdout)
    assert [(one["name"], one["wanted_revision"], one["cameras"]) for one in nodes] == [(f"{site.name}-n1", 2, 1)]


def test_why_with_numbers_from_the_server(
    alpr: Callable[..., subprocess.CompletedProcess[str]], site: TestSite
) -> None:
    assert "needs 3 units; site has 1 free of 2" in alpr("why", f"{site.name}/cam-001").stdout
    assert f"It is on node {site.name}-n1" in alpr("why", "cam-000", "-n", site.name).stdout
    missing = alpr("why", "cam-00", "-n", site.name)
    assert missing.returncode == 3
    assert "did you mean cam-00" in missing.stderr


def test_move_pins_and_unpins_on_the_server(
    alpr: Callable[..., subprocess.CompletedProcess[str]], site: TestSite
) -> None:
    node = f"{site.name}-n1"
    assert alpr("move", "cam-001", node, "-n", site.name, "--dry-run").returncode == 0
    assert (site.seen("cam-001") or {})["spec"].get("placement") in (None, {})
    assert alpr("move", "cam-001", node, "-n", site.name).returncode == 0
    assert (site.seen("cam-001") or {})["spec"]["placement"] == {"nodeName": node}
    assert alpr("move", "cam-001", "--unpin", "-n", site.name).returncode == 0
    assert (site.seen("cam-001") or {})["spec"].get("placement") in (None, {})


def test_drain_pause_and_resume_on_the_server(
    alpr: Callable[..., subprocess.CompletedProcess[str]], objects: Objects, site: TestSite
) -> None:
    node = f"{site.name}-n1"
    told = alpr("drain", node)
    assert told.stdout.splitlines() == [
        f"1 cameras of {site.name} move, at most 30 a minute",
        f"{node} is being drained",
    ]
    assert (objects.get(kinds.NODES, None, node) or {})["metadata"]["labels"]["ovr-alpr.io/drain"] == "true"
    assert alpr("drain", node, "--wait", "--timeout", "1").returncode == 7
    alpr("drain", node, "--undo")
    assert "ovr-alpr.io/drain" not in (objects.get(kinds.NODES, None, node) or {})["metadata"]["labels"]
    assert alpr("pause", "-n", site.name).returncode == 0
    assert (site.site() or {})["metadata"]["annotations"]["ovr-alpr.io/paused"] == "true"
    assert "Paused" in alpr("status", "-n", site.name).stdout
    assert alpr("resume", "-n", site.name).returncode == 0
    assert "ovr-alpr.io/paused" not in ((site.site() or {})["metadata"].get("annotations") or {})


def test_rollback_marks_the_state_that_is_left(
    alpr: Callable[..., subprocess.CompletedProcess[str]], objects: Objects, site: TestSite
) -> None:
    assert "has no state before" in alpr("rollback", "-n", site.name).stderr
    head = {
        "apiVersion": kinds.SITES.api_version,
        "kind": "AlprSite",
        "metadata": {"name": site.name, "namespace": site.name},
    }
    rollout = {"phase": "Progressing", "fromDigest": "old", "toDigest": "new"}
    objects.apply({**head, "status": {"rollout": rollout}}, subresource="status")
    assert alpr("rollback", "-n", site.name).returncode == 0
    assert (site.site() or {})["metadata"]["annotations"]["ovr-alpr.io/rollback"] == "new"


def test_site_init_makes_a_site_and_leaves_one_that_is_there(
    alpr: Callable[..., subprocess.CompletedProcess[str]], control_plane: ControlPlane, objects: Objects, name: str
) -> None:
    assert (
        alpr("site", "init", name, "--timezone", "Europe/Berlin", "--apply", "--dry-run").returncode != 0
    )  # no namespace yet
    made = alpr("site", "init", name, "--timezone", "Europe/Berlin", "--apply")
    assert made.returncode == 0, made.stderr
    assert can(control_plane, "get", "secrets", name)
    again = alpr("site", "init", name, "--apply")
    assert again.returncode == 1
    assert "--access-only" in again.stderr
    printed = alpr("site", "init", name, "--access-only").stdout
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=printed)
    site = objects.get(kinds.SITES, name, name) or {}
    assert site["spec"]["timezone"] == "Europe/Berlin"


def test_person_without_rights_is_told_which(
    alpr: Callable[..., subprocess.CompletedProcess[str]], control_plane: ControlPlane, objects: Objects, site: TestSite
) -> None:
    objects.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "jo", "namespace": site.name}})
    jo = control_plane.kubeconfig_for("jo", site.name)
    told = alpr("cameras", "-n", site.name, kubeconfig=jo)
    assert told.returncode == 4
    assert f"may not list cameras.ovr-alpr.io -n {site.name}; ask for the role view there" in told.stderr


def test_viewer_sees_a_site_without_seeing_nodes(
    alpr: Callable[..., subprocess.CompletedProcess[str]],
    control_plane: ControlPlane,
    installed: list[Manifest],
    objects: Objects,
    site: TestSite,
) -> None:
    objects.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "eve", "namespace": site.name}})
    control_plane.kubectl(
        "create",
        "rolebinding",
        "eve",
        "--clusterrole=alpr-operator-user-view",
        f"--serviceaccount={site.name}:eve",
        "-n",
        site.name,
    )
    eve = control_plane.kubeconfig_for("eve", site.name)
    assert alpr("status", kubeconfig=eve).returncode == 0
    nodes = alpr("nodes", kubeconfig=eve)
    assert nodes.returncode == 0
    assert "You may not list nodes" in nodes.stderr
    assert f"{site.name}-n1" in nodes.stdout
    assert alpr("pause", kubeconfig=eve).returncode == 4


def test_names_complete_through_kubectl(
    alpr: Callable[..., subprocess.CompletedProcess[str]], control_plane: ControlPlane, site: TestSite
) -> None:
    path = f"{Path(sys.executable).parent}:{control_plane.programs}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(control_plane.kubeconfig)}
    command = ["kubectl", "__complete", "alpr", "why", "-n", site.name, "cam"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["cam-000", "cam-001", ":4"]


def test_cluster_without_our_kinds(alpr: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    with running_control_plane(tmp_path, crds=False) as bare:
        told = alpr("status", "-A", kubeconfig=bare.kubeconfig)
    assert told.returncode == 5
    assert "helm install alpr-operator" in told.stderr
    gone = alpr("status", "-A", kubeconfig=bare.kubeconfig)
    assert gone.returncode == 6
    assert "the API server is not reached" in gone.stderr
