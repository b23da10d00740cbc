"""What the agent of a node is told about Kafka and the object store: by variables and files, never in the pod itself."""

from alpr_operator.desired import Owner
from alpr_operator.desired.daemon_sets import SINKS, Nodes, pod_spec
from alpr_operator.desired.node_classes import Images, node_classes
from alpr_operator.store import SiteKey
from alpr_schemas.resources import SiteSpec

OWNER = Owner(SiteKey("north", "north"), "uid")


def pod(sinks):
    told = node_classes(SiteSpec(site_id="north"), Images(cpu="cpu", jetson="jetson"))[0]
    return pod_spec(OWNER, told, Nodes({}, "/var/lib/alpr-edge", sinks))


def container(spec, name):
    return next(one for one in [*spec["initContainers"], *spec["containers"]] if one["name"] == name)


def test_sinks_are_the_agents_alone_and_may_be_missing():
    spec = pod("sinks")
    assert container(spec, "agent")["envFrom"] == [{"configMapRef": {"name": "sinks", "optional": True}}]
    assert {"name": "sinks", "mountPath": SINKS, "readOnly": True} in container(spec, "agent")["volumeMounts"]
    both = {"name": "sinks", "optional": True}
    projected = {"sources": [{"configMap": both}, {"secret": both}]}
    assert {"name": "sinks", "projected": projected} in spec["volumes"]
    for name in ("pipeline", "own-folder"):
        assert "envFrom" not in container(spec, name)
        assert all(mount["name"] != "sinks" for mount in container(spec, name)["volumeMounts"])


def test_a_site_without_sinks_mounts_none():
    assert "sinks" not in str(pod(None))
