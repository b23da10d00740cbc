"""The operator as a process, under its own ServiceAccount's rights, on a real API server."""

import subprocess
import uuid

import pytest
import yaml

from alpr_testing.objects import Objects, TestSite
from alpr_testing.operated import Operated

SYSTEM = "alpr-system"


@pytest.fixture(scope="session")
def objects(control_plane):
    """Objects by the administrator's rights."""
    client = Objects(control_plane.kubeconfig)
    yield client
    client.close()


@pytest.fixture(scope="session")
def as_operator(control_plane, objects, tmp_path_factory):
    """A kubeconfig of the operator's own ServiceAccount, with the rights that its chart gives it."""
    install(control_plane, objects, tmp_path_factory.mktemp("chart"))
    return control_plane.kubeconfig_for("alpr-operator", SYSTEM)


def install(control_plane, objects, folder):
    """Everything of the chart but the Deployment: identities, rights, policies."""
    objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    rendered = subprocess.run(
        [str(control_plane.programs / "helm"), "template", "alpr-operator", "helm/alpr-operator", "-n", SYSTEM],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    wanted = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    wanted |= {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    kept = [one for one in yaml.safe_load_all(rendered) if one and one["kind"] in wanted]
    path = folder / "operator.yaml"
    path.write_text(yaml.safe_dump_all(kept))
    control_plane.kubectl("apply", "-n", SYSTEM, "-f", str(path))


@pytest.fixture
def operator(as_operator, tmp_path, request):
    """A running operator with short timers; its settings by `@pytest.mark.parametrize("operator", [{…}], indirect=True)`."""
    config = getattr(request, "param", {})
    with Operated(as_operator, tmp_path, SYSTEM, config=config) as operated:
        yield operated.leading()


@pytest.fixture
def site(objects):
    """A site with a namespace of its own and no nodes yet; what it made is taken away at the end."""
    site = TestSite(objects, f"s{uuid.uuid4().hex[:8]}")
    yield site.made()
    site.unmade()
