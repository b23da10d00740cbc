"""A real node runs pods of our own images, Services and names reach them, and nothing of it is left behind."""

import json
import subprocess
from pathlib import Path

import pytest

from alpr_testing.node import running_node
from alpr_testing.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(900)]
IMAGE = "ovr-alpr/setup:0.1.0"
TIGHT = {
    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True, "runAsUser": 10001,
    "capabilities": {"drop": ["ALL"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def image():
    built = subprocess.run(["tools/images", "setup"], capture_output=True, text=True, check=True)
    return Path(built.stdout.strip().splitlines()[-1])


def pod(name, *arguments, labels=None, command=None):
    container = {
        "name": "it", "image": IMAGE, "imagePullPolicy": "Never", "args": list(arguments), "securityContext": TIGHT,
        **({"command": command} if command else {}),
    }  # fmt: skip
    spec = {"containers": [container], "restartPolicy": "Never", "automountServiceAccountToken": False}
    meta = {"name": name, "labels": labels or {}}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


def test_pods_of_our_images_find_each_other_by_name_and_nothing_is_left(image, tmp_path):
    with running_node(tmp_path / "node") as node:
        node.import_image(image, IMAGE)
        plane = node.plane
        until(lambda: "default" in plane.kubectl("get", "serviceaccounts", "-o", "name"), 60, "the default account")
        serve = [
            "python3",
            "-c",
            "import socket as s; l = s.create_server(('', 8000)); [l.accept() for _ in iter(int, 1)]",
        ]
        plane.kubectl("apply", "-f", "-", stdin=pod("server", labels={"app": "server"}, command=serve))
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server"}}
        service["spec"] = {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]}
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(service))
        told = ["wait", "--within", "90", "server.default.svc.cluster.local:80"]
        plane.kubectl("apply", "-f", "-", stdin=pod("client", *told))

        def phase(name):
            return json.loads(plane.kubectl("get", "pod", name, "-o", "json"))["status"]["phase"]

        until(lambda: phase("client") in {"Succeeded", "Failed"}, 180, "the client has ended")
        assert phase("client") == "Succeeded", node.logs("default")
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(tmp_path) not in mounts
    assert "alpr-" not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    shims = [one for one in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in one.read_bytes()]
    assert shims == []
