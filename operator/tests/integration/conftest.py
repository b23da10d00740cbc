"""The operator as a process, under its own ServiceAccount's rights, on a real API server."""

import uuid

import pytest

from alpr_testing.objects import Objects, TestSite
from alpr_testing.operated import SYSTEM, Operated, install_operator


@pytest.fixture(scope="session")
def objects(control_plane):
    """Objects by the administrator's rights."""
    client = Objects(control_plane.kubeconfig)
    yield client
    client.close()


@pytest.fixture(scope="session")
def as_operator(control_plane):
    """A kubeconfig of the operator's own ServiceAccount, with the rights that its chart gives it."""
    return install_operator(control_plane)


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
