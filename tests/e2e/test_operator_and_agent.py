"""A Camera is applied; the real operator, agent and pipeline bring it to a stream, and the status says so."""

import os
import subprocess
import sys

import pytest

from alpr_kubernetes import kinds
from alpr_testing.objects import Objects, TestSite
from alpr_testing.operated import SYSTEM, Operated, install_operator

pytestmark = pytest.mark.integration
PASSWORD = "hush-hush-17"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "street.mp4"
    subprocess.run([sys.executable, "-m", "alpr_cli", "simulate", str(path), "--seconds", "8"], check=True)
    return path


@pytest.fixture
def harbour(control_plane):
    objects = Objects(control_plane.kubeconfig)
    site = TestSite(objects, "harbour").made(nodeClasses=[{"name": "cpu", "capacityUnits": 20}])
    site.node("jetson-1")
    yield site
    site.unmade()
    objects.close()


def agent_processes(control_plane, folder):
    """Agent and pipeline as the two containers of a pod, by a token that is bound to the pod."""
    kubeconfig = control_plane.kubeconfig_for("alpr-edge-harbour", "harbour", pod="edge")
    told = {"NODE_NAME": "jetson-1", "POD_NAMESPACE": "harbour", "ALPR_AGENT_KUBECONFIG": str(kubeconfig)}
    (folder / "data").mkdir()
    for name in ("agent", "pipeline"):
        command = [sys.executable, "-m", "alpr_edge_agent", name, "--data", str(folder / "data")]
        with (folder / f"{name}.log").open("wb") as log:
            yield subprocess.Popen(command, env={**os.environ, **told}, stdout=log, stderr=subprocess.STDOUT)


def test_02_from_an_applied_camera_to_a_stream_with_a_sealed_password(control_plane, harbour, clip, tmp_path):
    with Operated(install_operator(control_plane), tmp_path, SYSTEM) as operator:
        operator.leading()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gate", "namespace": "harbour"}}
        harbour.objects.create({**secret, "stringData": {"username": "eve", "password": PASSWORD}})
        source = {"protocol": "file", "url": f"file://{clip}", "loop": True, "realtime": True}
        harbour.camera("gate", source={**source, "credentialsSecretRef": {"name": "gate"}})
        harbour.until_placed(["gate"])
        account = (kinds.SERVICE_ACCOUNTS, "harbour", "alpr-edge-harbour")
        harbour.until(lambda: harbour.objects.get(*account) is not None, 20, "the agents' account")
        containers = [{"name": "agent", "image": "example.com/edge"}]
        spec = {"nodeName": "jetson-1", "serviceAccountName": "alpr-edge-harbour", "containers": containers}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "edge", "namespace": "harbour"}, "spec": spec}
        harbour.objects.create(pod)
        processes = list(agent_processes(control_plane, tmp_path))
        try:
            harbour.until(lambda: harbour.told("gate", "Ready") == ("True", "Streaming"), 90, "the camera streams")
            harbour.until(lambda: harbour.site_told("Ready") == ("True", "Ready"), 60, "the site is ready")
            harbour.until(lambda: sealed(harbour), 30, "the password is sealed")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)
        report = harbour.objects.get(kinds.REPORTS, "harbour", "jetson-1")
        assert report["metadata"]["ownerReferences"][0]["kind"] == "Node"
        assert report["status"]["appliedRevision"] >= 1
        seen = str(harbour.assignments()) + str(report) + str(harbour.seen("gate"))
        logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
        assert PASSWORD not in seen + logs
        credentials = tmp_path / "data/credentials.json"
        assert credentials.stat().st_mode & 0o077 == 0


def sealed(site):
    return all("sealedCredential" in one for one in site.assignments()["jetson-1"]["spec"]["cameras"])
