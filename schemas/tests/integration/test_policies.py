"""The admission policies on a real API server: agents by real tokens bound to pods, addresses, edge pods."""

import copy
from pathlib import Path

import pytest
import yaml

from alpr_kubernetes import kinds
from alpr_testing.objects import Objects, Refusal
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
SPACE = "policies"
ACCOUNT = "alpr-edge-north"
RULES = [
    {"apiGroups": ["ovr-alpr.io"], "resources": ["*"], "verbs": ["*"]},  # so that a refusal is the policy's, not RBAC's
]


def head(kind, name, api_version="v1", **meta):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": SPACE, **meta}}


def ours(kind, name, **spec):
    return {**head(kind, name, "ovr-alpr.io/v1alpha1"), **({"spec": spec} if spec else {})}


def camera(name, url):
    return ours("Camera", name, siteRef={"name": "north"}, source={"protocol": "rtsp", "url": url})


def assignment(node):
    return ours("EdgeAssignment", node, nodeName=node, site="north", revision=1)


@pytest.fixture(scope="module")
def admin(control_plane):
    """Objects by the administrator's rights, in a namespace with the account of a site's agents."""
    client = Objects(control_plane.kubeconfig)
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    client.apply(head("ServiceAccount", ACCOUNT))
    client.apply(head("ServiceAccount", "default"))
    rbac = "rbac.authorization.k8s.io"
    client.apply({**head("Role", ACCOUNT, f"{rbac}/v1"), "rules": RULES})
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SPACE}
    reference = {"apiGroup": rbac, "kind": "Role", "name": ACCOUNT}
    client.apply({**head("RoleBinding", ACCOUNT, f"{rbac}/v1"), "roleRef": reference, "subjects": [subject]})
    control_plane.apply(*sorted(Path("crds/policies").glob("*.yaml")))
    yield client
    client.close()


@pytest.fixture(scope="module")
def agent(admin, control_plane):
    """The agent of a node: its pod's own token."""
    clients = []

    def of(node):
        pod = head("Pod", f"agent-{node}")
        container = {"name": "agent", "image": "example.com/agent"}
        admin.create({**pod, "spec": {"nodeName": node, "serviceAccountName": ACCOUNT, "containers": [container]}})
        clients.append(Objects(control_plane.kubeconfig_for(ACCOUNT, SPACE, pod=f"agent-{node}")))
        return clients[-1]

    yield of
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def agent_of_a(admin, agent):
    """The agent of node-a, once the policies are in force."""
    client = agent("node-a")
    until(lambda: "node-a" in (refused(client.create, ours("EdgeReport", "other"), dry_run=True) or ""), 20, "policies")
    return client


def refused(call, *arguments, **more):
    try:
        call(*arguments, **more)
    except Refusal as e:
        return e.message
    return None


def test_14_an_agent_writes_its_own_nodes_report_and_its_status(agent_of_a):
    agent_of_a.apply(ours("EdgeReport", "node-a"))
    agent_of_a.apply({**ours("EdgeReport", "node-a"), "status": {"appliedRevision": 3}}, subresource="status")
    agent_of_a.delete(kinds.REPORTS, SPACE, "node-a")


def test_14_an_agent_cannot_write_delete_or_set_the_status_of_another_nodes_report(admin, agent_of_a):
    admin.apply(ours("EdgeReport", "node-b"))
    words = "the agent of node node-a writes only the EdgeReport node-a, not node-b"
    status = {**ours("EdgeReport", "node-b"), "status": {"appliedRevision": 3}}
    assert words in refused(agent_of_a.apply, ours("EdgeReport", "node-b"))
    assert words in refused(agent_of_a.apply, status, subresource="status")
    assert words in refused(agent_of_a.delete, kinds.REPORTS, SPACE, "node-b")
    assert (admin.get(kinds.REPORTS, SPACE, "node-b").get("status") or {}).get("appliedRevision") != 3


@pytest.mark.parametrize("node", ["node-a", "node-b"])
def test_14_an_agent_cannot_write_any_assignment_not_even_its_own(admin, agent_of_a, node):
    admin.apply(assignment(node))
    words = "an agent writes its EdgeReport alone; edgeassignments are written by people and by the operator"
    assert words in refused(agent_of_a.merge, kinds.ASSIGNMENTS, SPACE, node, {"spec": {"revision": 9}})
    assert words in refused(agent_of_a.delete, kinds.ASSIGNMENTS, SPACE, node)
    assert words in refused(agent_of_a.create, assignment("node-c"))


def test_14_an_agent_cannot_write_cameras_or_sites(agent_of_a):
    assert "cameras are written" in refused(agent_of_a.create, camera("new", "rtsp://192.0.2.1/a"))
    assert "alprsites are written" in refused(agent_of_a.create, ours("AlprSite", "north", siteId="north"))


def test_14_a_token_of_no_pod_writes_nothing(control_plane, agent_of_a):
    bare = Objects(control_plane.kubeconfig_for(ACCOUNT, SPACE))
    assert "this token names no node" in refused(bare.create, ours("EdgeReport", "node-a"))
    bare.close()


def test_14_others_are_not_touched_by_the_policy_for_agents(admin, agent_of_a):
    admin.apply(assignment("node-d"))
    admin.apply(ours("EdgeReport", "node-d"))


def without_url_rules(control_plane):
    """Our Camera CRD without its own rules for addresses, as an older one would be."""
    crd = yaml.safe_load(Path("crds/cameras.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["spec"]["properties"]["source"]["x-kubernetes-validations"]
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump(crd))


def test_14_an_address_with_a_password_is_refused_even_where_the_crd_takes_it(control_plane, admin, agent_of_a):
    told = "spec.source.url: no user or password here"
    try:
        without_url_rules(control_plane)
        until(lambda: refused(admin.create, camera("lax", "ftp://192.0.2.1/a"), dry_run=True) is None, 20, "an old CRD")
        said = refused(admin.create, camera("gate", "rtsp://me:pw@192.0.2.1/a"), dry_run=True)
        assert "ValidatingAdmissionPolicy 'alpr-camera-urls'" in said
        assert told in said
        admin.create(camera("gate", "rtsp://192.0.2.1/a"))
        change = {"spec": {"source": {"url": "rtsp://me:pw@192.0.2.1/a"}}}
        assert told in refused(admin.merge, kinds.CAMERAS, SPACE, "gate", change)
        admin.delete(kinds.CAMERAS, SPACE, "gate")
    finally:
        control_plane.install_crds()
        until(lambda: refused(admin.create, camera("lax", "ftp://192.0.2.1/a"), dry_run=True), 20, "our CRD")


def test_14_a_password_in_a_query_is_warned_of(admin, agent_of_a):
    path = kinds.CAMERAS.path(SPACE)
    manifest = camera("query", "rtsp://192.0.2.1/live?user=me&password=pw")
    answer = admin._http.post(path, json=manifest, params={"dryRun": "All"})
    assert answer.status_code == 201
    assert "this seems to hold a password" in answer.headers["Warning"]


def pod(**changes):
    """An edge pod as the operator makes it, with changes to its spec."""
    tight = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    owner = {**tight, "runAsNonRoot": False, "runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}
    spec = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
        "initContainers": [
            {"name": "own-folder", "image": "example.com/edge", "securityContext": owner},
            {"name": "agent", "image": "example.com/edge", "restartPolicy": "Always", "securityContext": tight},
        ],
        "containers": [{"name": "pipeline", "image": "example.com/edge", "securityContext": tight}],
        "volumes": [{"name": "data", "hostPath": {"path": f"/var/lib/alpr-edge/{SPACE}", "type": "DirectoryOrCreate"}}],
    }
    labels = {"app.kubernetes.io/name": "alpr-edge"}
    return {**head("Pod", "edge", labels=labels), "spec": copy.deepcopy(spec) | changes}


def host_path(path, **more):
    return {"volumes": [{"name": "data", "hostPath": {"path": path, **more}}]}


def pipeline(**security):
    tight = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {"containers": [{"name": "pipeline", "image": "example.com/edge", "securityContext": {**tight, **security}}]}


def root_init(name, **security):
    told = {"allowPrivilegeEscalation": False, "runAsUser": 0, "runAsNonRoot": False, "capabilities": {"drop": ["ALL"]}}
    return {"initContainers": [{"name": name, "image": "example.com/edge", "securityContext": {**told, **security}}]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"volumes": []},
        host_path(f"/var/lib/alpr-edge/deep/er/{SPACE}"),
        host_path("/dev/video0", type="CharDevice"),
        root_init("own-folder", capabilities={"drop": ["ALL"], "add": ["CHOWN"]}),
    ],
)
def test_14_edge_pods_as_they_are_made_are_taken(admin, agent_of_a, changes):
    admin.create(pod(**changes), dry_run=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (host_path("/"), f"may use the host's /var/lib/alpr-edge/{SPACE}"),
        (host_path("/etc"), "no other hostPath"),
        (host_path("/var/lib/alpr-edge"), "no other hostPath"),
        (host_path("/var/lib/alpr-edge/other-site"), "no other hostPath"),
        (host_path(f"/var/lib/alpr-edge-too/{SPACE}"), "no other hostPath"),
        (host_path("/dev/mem", type="CharDevice"), "no other hostPath"),
        (host_path("/dev/video0"), "no other hostPath"),
        ({"hostNetwork": True}, "remove hostNetwork"),
        ({"hostPID": True}, "remove hostNetwork"),
        ({"hostIPC": True}, "remove hostNetwork"),
        (pipeline(privileged=True, allowPrivilegeEscalation=None), "none is privileged"),
        (pipeline(allowPrivilegeEscalation=True), "allowPrivilegeEscalation: false"),
        (pipeline(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}), "drops ALL and adds none"),
        (pipeline(capabilities={"drop": []}), "drops ALL and adds none"),
        (pipeline(runAsUser=0), "runAsNonRoot"),
        (pipeline(runAsNonRoot=False), "runAsNonRoot"),
        ({"securityContext": {"runAsUser": 10001}}, "runAsNonRoot"),
        (root_init("another"), "runAsNonRoot"),
        (root_init("own-folder", capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}), "own-folder may add CHOWN"),
    ],
)
def test_14_edge_pods_that_want_more_are_refused_with_the_fix(admin, agent_of_a, changes, told):
    assert told in (refused(admin.create, pod(**changes), dry_run=True) or "taken")
