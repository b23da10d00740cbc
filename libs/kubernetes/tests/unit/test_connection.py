"""Kubeconfigs and errors."""

import base64

import pytest
import yaml

from alpr_kubernetes import Conflict, Expired, Forbidden, NoConnection, NotFound, Refused, Throttled, Unavailable, kinds
from alpr_kubernetes.connection import from_kubeconfig, in_cluster, renewed
from alpr_kubernetes.errors import error_of

CONFIG = {
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "harbour"}}],
    "clusters": [{"name": "k", "cluster": {"server": "https://192.0.2.1:6443/"}}],
    "users": [{"name": "u", "user": {"token": "hush"}}],
}


@pytest.fixture
def kubeconfig(tmp_path):
    def write(**changes):
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump({**CONFIG, **changes}))
        return path

    return write


def test_a_token_and_its_server(kubeconfig):
    connection = from_kubeconfig(kubeconfig())
    assert (connection.server, connection.namespace) == ("https://192.0.2.1:6443", "harbour")
    assert connection.token() == "hush"
    assert "hush" not in repr(connection)


def test_certificates_beside_the_file_or_in_it(kubeconfig, tmp_path):
    (tmp_path / "ca.pem").write_text("PEM")
    cluster = {"server": "https://192.0.2.1", "certificate-authority": "ca.pem"}
    assert from_kubeconfig(kubeconfig(clusters=[{"name": "k", "cluster": cluster}])).ca_data == "PEM"
    cluster = {"server": "https://192.0.2.1", "certificate-authority-data": base64.b64encode(b"IN").decode()}
    assert from_kubeconfig(kubeconfig(clusters=[{"name": "k", "cluster": cluster}])).ca_data == "IN"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"current-context": "other"}, "contexts has no entry named 'other'"),
        ({"users": []}, "users has no entry named 'u'"),
        ({"users": [{"name": "u", "user": {"exec": {}}}]}, "plug-in"),
    ],
)
def test_what_a_kubeconfig_lacks_is_named(kubeconfig, changes, told):
    with pytest.raises(NoConnection, match=told):
        from_kubeconfig(kubeconfig(**changes))


def test_outside_a_cluster_the_way_in_is_named(tmp_path):
    with pytest.raises(NoConnection, match="--kubeconfig"):
        in_cluster(tmp_path)


def test_a_renewed_token_is_kept_for_a_while(tmp_path):
    path = tmp_path / "token"
    path.write_text("one\n")
    token = renewed(path)
    assert token() == "one"
    path.write_text("two\n")
    assert token() == "one"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Expired),
        (422, Refused),
        (429, Throttled),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_each_answer_has_its_error(status, kind):
    error = error_of(status, b'{"kind": "Status", "reason": "Why", "message": "because"}')
    assert type(error) is kind
    assert (error.status, error.reason, str(error)) == (status, "Why", "because")


def test_a_server_may_ask_to_wait():
    assert error_of(503, b"", "7").retry_after_s == 7
    assert type(error_of(503, b"", "7")) is Throttled


def test_addresses():
    assert kinds.NODES.path(name="n1") == "/api/v1/nodes/n1"
    assert kinds.CAMERAS.path() == "/apis/ovr-alpr.io/v1alpha1/cameras"
    assert kinds.CAMERAS.path("a", "c", "status") == "/apis/ovr-alpr.io/v1alpha1/namespaces/a/cameras/c/status"
