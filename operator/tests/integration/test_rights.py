"""What the operator may, what it uses, and what it says where it may not."""

import json

import pytest
import yaml

from alpr_kubernetes import kinds
from alpr_testing.objects import TestSite, condition
from alpr_testing.operated import SYSTEM

pytestmark = pytest.mark.integration
ACCOUNT = f"system:serviceaccount:{SYSTEM}:alpr-operator"

# Granted and not used by the scenario below, each for a reason.
UNUSED = {
    ("delete", "pods"): "waves: test_rollouts.py, on a cluster with pods",
    ("list", "pods"): "waves",
    ("get", "pods"): "waves: one look at one pod",
    ("watch", "pods"): "held for a watch in place of lists in a wave",
    ("create", "edgereports"): "handed on to the agents' Role: who makes a Role must hold what it says",
    ("patch", "edgereports"): "handed on to the agents' Role",
    ("get", "edgereports/status"): "handed on to the agents' Role",
    ("patch", "edgereports/status"): "handed on to the agents' Role",
    ("patch", "alprsites"): "the mark that asked for a rebalance comes off",
    ("patch", "events"): "Events of one name may be counted up",
    ("patch", "leases"): "kept beside update, which is what we use",
    ("get", "cameras"): "an audit that found a missed object fetches it",
    ("get", "alprsites"): "the same",
    ("get", "edgeassignments"): "the same",
    ("get", "edgereports"): "the same",
    ("get", "nodes"): "the same",
    ("get", "serviceaccounts"): "the same",
    ("get", "daemonsets"): "the same",
    ("get", "roles"): "the same",
    ("get", "rolebindings"): "the same",
    ("get", "networkpolicies"): "the same",
    ("delete", "serviceaccounts"): "children that nobody wants any more; in practice DaemonSets",
    ("delete", "roles"): "the same",
    ("delete", "rolebindings"): "the same",
    ("delete", "networkpolicies"): "the same",
    ("create", "serviceaccounts"): "server-side apply of what is not there counts as patch, and asks for create too",
    ("create", "roles"): "the same",
    ("create", "rolebindings"): "the same",
    ("create", "networkpolicies"): "the same",
    ("create", "daemonsets"): "the same",
    ("create", "edgeassignments"): "the same",
}


def granted(control_plane):
    rules = []
    for kind, names in (("clusterrole", ("alpr-operator", "alpr-operator-site")), ("role", ("alpr-operator",))):
        for name in names:
            where = ["-n", SYSTEM] if kind == "role" else []
            rules += yaml.safe_load(control_plane.kubectl("get", kind, name, *where, "-o", "yaml"))["rules"]
    return {(verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


def test_16_nothing_is_denied_and_nothing_is_granted_that_has_no_use(operator, site, control_plane):
    before = len(control_plane.audit(user=ACCOUNT))
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 40}])
    node = f"{site.name}-n1"
    site.node(node)
    meta = {"name": "gate", "namespace": site.namespace}
    content = {"username": "eve", "password": "hush"}
    site.objects.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": content})
    source = {"protocol": "rtsp", "url": "rtsp://192.0.2.3/a", "credentialsSecretRef": {"name": "gate"}}
    site.camera("gate", costUnits=1, source=source, deletionPolicy="Drain")
    site.camera("huge", costUnits=500)
    site.until_placed(["gate"])
    site.ack()
    site.until(lambda: "finalizers" in site.seen("gate")["metadata"], 10, "the drain's finalizer")
    site.objects.delete(kinds.CAMERAS, site.namespace, "gate")
    site.until(lambda: "gate" not in site.placed(), 10, "it is let go")
    site.ack()
    site.until(lambda: site.seen("gate") is None, 10, "it is gone")
    site.change(nodeClasses=[])  # the shipped class of that name, and no DaemonSet that nobody wants
    site.objects.delete(kinds.NODES, None, node)
    site.until(lambda: not site.assignments(), 10, "the node's assignment is deleted")
    operator.idle()
    asked = control_plane.audit(user=ACCOUNT)[before:]
    assert [one for one in asked if one.code == 403] == []
    every = control_plane.audit(user=ACCOUNT)
    used = {(one.verb, "/".join(part for part in (one.resource, one.subresource) if part)) for one in every}
    assert sorted(granted(control_plane) - used - UNUSED.keys()) == []
    assert sorted((verb, resource) for verb, resource in used - granted(control_plane) if resource) == []


def test_without_its_right_in_a_namespace_the_site_says_the_command_and_mends_itself(operator, objects):
    site = TestSite(objects, f"noaccess-{id(objects) % 10_000}").made(access=False)
    try:
        site.node(f"{site.name}-n1")
        site.until(lambda: site.site_told("Stalled") == ("True", "NoAccess"), 15, "it says so")
        message = condition(site.site(), "Stalled")["message"]
        assert "kubectl alpr site init" in message
        assert site.namespace in message
        site.camera("gate", costUnits=1)
        site.give_access()
        site.until_placed(["gate"], within_s=60)
        site.until(lambda: site.site_told("Stalled")[0] == "False", 15, "it is well")
    finally:
        site.unmade()


@pytest.fixture
def two_agents(control_plane, operator, site):
    """Nodes, and agents' kubeconfigs by tokens that are bound to pods on them."""
    nodes = [f"{site.name}-{name}" for name in ("a", "b")]
    for node in nodes:
        site.node(node)
    account = f"alpr-edge-{site.name}"
    asked = ["auth", "can-i", "patch", "edgereports.ovr-alpr.io", "-n", site.namespace]
    asked.append(f"--as=system:serviceaccount:{site.namespace}:{account}")
    site.until(lambda: answered(control_plane, asked) == "yes", 30, "the agents' account and its rights")
    site.until(lambda: site.assignments().keys() == set(nodes), 20, "assignments")
    agents = {}
    for node in nodes:
        spec = {
            "nodeName": node,
            "serviceAccountName": account,
            "containers": [{"name": "a", "image": "example.com/a"}],
        }
        meta = {"name": f"pod-{node}", "namespace": site.namespace}
        site.objects.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        agents[node] = control_plane.kubeconfig_for(account, site.namespace, pod=f"pod-{node}")
    return nodes, agents


MAY = {
    ("get", "edgeassignments"): "yes",
    ("watch", "edgeassignments"): "yes",
    ("create", "edgereports"): "yes",
    ("patch", "edgereports/status"): "yes",
    ("patch", "edgeassignments"): "no",
    ("create", "edgeassignments"): "no",
    ("delete", "edgereports"): "no",
    ("get", "secrets"): "no",
    ("list", "secrets"): "no",
    ("get", "cameras"): "no",
    ("patch", "cameras/status"): "no",
    ("get", "nodes"): "no",
    ("create", "pods"): "no",
}


@pytest.mark.parametrize(("verb", "resource"), MAY)
def test_14_what_an_agent_may(two_agents, control_plane, site, verb, resource):
    group = "" if resource in ("secrets", "nodes", "pods") else ".ovr-alpr.io"
    plural, _, part = resource.partition("/")
    asked = ["auth", "can-i", verb, f"{plural}{group}", *([f"--subresource={part}"] if part else [])]
    user = f"--as=system:serviceaccount:{site.namespace}:alpr-edge-{site.name}"
    assert answered(control_plane, [*asked, "-n", site.namespace, user]) == MAY[verb, resource]


def answered(control_plane, asked):
    """What `kubectl auth can-i` says."""
    try:
        return control_plane.kubectl(*asked).split()[0]
    except Exception as e:  # noqa: BLE001 - kubectl ends with 1 where the answer is no
        return str(getattr(e, "output", "")).split()[0]


def test_14_an_agent_writes_its_own_node_s_report_and_no_other(two_agents, site):
    from alpr_testing.objects import Objects, Refusal

    (one, other), agents = two_agents
    agent = Objects(agents[one], "alpr-edge-agent")
    try:
        head = {"apiVersion": kinds.REPORTS.api_version, "kind": "EdgeReport"}
        mine = {**head, "metadata": {"name": one, "namespace": site.namespace}}
        agent.apply(mine)
        agent.apply({**mine, "status": {"appliedRevision": 1}}, subresource="status")
        with pytest.raises(Refusal, match="writes only the EdgeReport"):
            agent.apply({**head, "metadata": {"name": other, "namespace": site.namespace}})
        with pytest.raises(Refusal, match="cannot patch"):
            agent.merge(kinds.ASSIGNMENTS, site.namespace, one, {"spec": {"revision": 99}})
    finally:
        agent.close()
    assert json.dumps(site.objects.get(kinds.REPORTS, site.namespace, one))
