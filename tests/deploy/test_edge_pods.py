"""What the operator makes for nodes keeps to the admission policy for edge pods."""

from pathlib import Path

import pytest

from alpr_operator.desired.daemon_sets import Nodes, pod_spec
from alpr_operator.desired.manifests import Owner
from alpr_operator.desired.node_classes import Images, node_classes
from alpr_operator.store.objects import SiteKey
from alpr_schemas.resources import SiteSpec
from alpr_testing.objects import Objects, Refusal
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
SPACE = "edge-pods"
CLASSES = node_classes(SiteSpec(site_id="north"), Images(cpu="example.com/cpu", jetson="example.com/jetson"))


@pytest.fixture(scope="module")
def admin(control_plane):
    client = Objects(control_plane.kubeconfig)
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    account = {"name": "alpr-edge-north", "namespace": SPACE}
    client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}}
    runtime["handler"] = "nvidia"
    client._sent("POST", "/apis/node.k8s.io/v1/runtimeclasses", runtime)
    control_plane.apply(Path("crds/policies/edge-pods.yaml"))
    yield client
    client._sent("DELETE", "/apis/node.k8s.io/v1/runtimeclasses/nvidia")
    client.close()


def pod(told, host_path="/var/lib/alpr-edge/disk2"):
    owner = Owner(SiteKey(SPACE, "north"), "uid")
    spec = pod_spec(owner, told, Nodes({"ovr-alpr.io/site": "north"}, host_path, sinks="sinks"))
    meta = {"name": "edge", "namespace": SPACE, "labels": owner.labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


@pytest.mark.parametrize("told", CLASSES, ids=lambda told: told.name)
def test_14_a_pod_of_each_node_class_is_taken_and_one_elsewhere_on_the_host_is_not(admin, told):
    def refused_elsewhere():
        try:
            admin.create(pod(told, "/var/lib/other"), dry_run=True)
        except Refusal as e:
            return "no other hostPath" in e.message
        return False

    until(refused_elsewhere, 20, "the policy")
    admin.create(pod(told), dry_run=True)
