"""The control plane itself: what tests of the operator stand on."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpr_kubernetes import ApiError, Client, from_kubeconfig, kinds
from alpr_kubernetes.watch import cut_at_end
from alpr_testing.audit_log import WRITES
from alpr_testing.control_plane import ControlPlane, binaries, running_control_plane
from alpr_testing.objects import Objects, Refusal
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def own_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane of the test alone, to be ill-treated."""
    with running_control_plane(tmp_path, crds=False) as plane:
        yield plane


@pytest.fixture(scope="module")
def objects(control_plane: ControlPlane) -> Iterator[Objects]:
    objects = Objects(control_plane.kubeconfig)
    yield objects
    objects.close()


def _config_map(namespace: str, name: str, **data: str) -> dict[str, object]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def _account(plane: ControlPlane, namespace: str) -> Path:
    plane.kubectl("create", "serviceaccount", "someone", "-n", namespace)
    return plane.kubeconfig_for("someone", namespace)


def _allowed(plane: ControlPlane, namespace: str, *verbs: str) -> Objects:
    """Someone who may do that with ConfigMaps; the roles `view` and `edit` are empty where no controllers run."""
    config = _account(plane, namespace)
    plane.kubectl("create", "role", "maps", "-n", namespace, f"--verb={','.join(verbs)}", "--resource=configmaps")
    account = f"--serviceaccount={namespace}:someone"
    plane.kubectl("create", "rolebinding", "maps", "-n", namespace, "--role=maps", account)
    someone = Objects(config)
    until(lambda: _may_list(someone, namespace), 10, "the role is known")
    return someone


def test_programs_are_built_once_and_know_their_version() -> None:
    began = time.monotonic()
    folder = binaries()
    assert time.monotonic() - began < 5, "what was built is not built again"
    told = subprocess.run([folder / "kubectl", "version", "--client"], capture_output=True, text=True, check=True)
    assert "v1.34.4" in told.stdout


def test_our_kinds_are_served(control_plane: ControlPlane) -> None:
    told = control_plane.kubectl("api-resources", "--api-group=ovr-alpr.io", "-o", "name").split()
    assert {f"{kind}.ovr-alpr.io" for kind in ("alprsites", "cameras", "edgeassignments", "edgereports")} <= set(told)


def test_accounts_may_do_nothing_by_themselves(control_plane: ControlPlane, namespace: str) -> None:
    someone = Objects(_account(control_plane, namespace))
    with pytest.raises(Refusal) as refused:
        someone.list(kinds.CONFIG_MAPS, namespace)
    assert refused.value.status == 403
    assert f"system:serviceaccount:{namespace}:someone" in refused.value.message
    someone.close()


def test_accounts_may_do_what_their_roles_say_and_no_more(control_plane: ControlPlane, namespace: str) -> None:
    someone = _allowed(control_plane, namespace, "list")
    with pytest.raises(Refusal, match="403"):
        someone.create(_config_map(namespace, "one"))
    someone.close()


def _may_list(objects: Objects, namespace: str) -> bool:
    try:
        objects.list(kinds.CONFIG_MAPS, namespace)
    except Refusal:
        return False
    return True


def test_the_token_of_a_pod_names_its_node(control_plane: ControlPlane, objects: Objects, namespace: str) -> None:
    node = f"{namespace}-node"
    objects.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    _account(control_plane, namespace)
    spec = {
        "nodeName": node,
        "serviceAccountName": "someone",
        "automountServiceAccountToken": False,
        "containers": [{"name": "one", "image": "example.com/one"}],
    }
    objects.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": spec})
    config = control_plane.kubeconfig_for("someone", namespace, pod="p")
    told = from_kubeconfig(config).token
    assert told is not None
    body = told().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["kubernetes.io"]
    assert claims["node"]["name"] == node
    asked = [control_plane.programs / "kubectl", "--kubeconfig", config, "auth", "whoami", "-o", "json"]
    said = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    assert said["status"]["userInfo"]["extra"]["authentication.kubernetes.io/node-name"] == [node]


def test_the_audit_log_tells_who_wrote_what(control_plane: ControlPlane, namespace: str) -> None:
    someone = _allowed(control_plane, namespace, "list", "create")
    someone.create(_config_map(namespace, "one", colour="secret-colour"))
    with pytest.raises(Refusal):
        someone.create(_config_map(namespace, "one"))
    someone.close()
    user = f"system:serviceaccount:{namespace}:someone"
    until(lambda: len(_writes(control_plane, user)) == 2, 10, "both writes are in the log")
    assert [(one.verb, one.resource, one.namespace, one.code) for one in _writes(control_plane, user)] == [
        ("create", "configmaps", namespace, 201),
        ("create", "configmaps", namespace, 409),
    ]
    assert "secret-colour" not in (control_plane.folder / "audit.log").read_text()


def _writes(plane: ControlPlane, user: str) -> list:
    return [one for one in plane.audit(user=user) if one.verb in WRITES]


def test_requests_are_counted(control_plane: ControlPlane, objects: Objects, namespace: str) -> None:
    def counted() -> float:
        return control_plane.request_total(verb="POST", resource="configmaps", code="201")

    before = counted()
    for name in ("a", "b", "c"):
        objects.create(_config_map(namespace, name))
    assert counted() - before == 3


def test_a_killed_api_server_returns_with_everything_on_its_port(own_plane: ControlPlane) -> None:
    objects, namespace, url = Objects(own_plane.kubeconfig), own_plane.new_namespace(), own_plane.url
    objects.create(_config_map(namespace, "kept", a="b"))
    own_plane.stop_api()
    assert not own_plane.ready()
    began = time.monotonic()
    own_plane.start_api()
    assert time.monotonic() - began < 30
    assert own_plane.url == url
    kept = objects.get(kinds.CONFIG_MAPS, namespace, "kept")
    assert kept is not None
    assert kept["data"] == {"a": "b"}
    objects.close()


def test_a_paused_api_server_answers_once_it_goes_on(own_plane: ControlPlane) -> None:
    own_plane.pause()
    assert not own_plane.ready()
    own_plane.resume()
    until(own_plane.ready, 20, "the API server answers again")


def test_watches_from_forgotten_revisions_are_gone(own_plane: ControlPlane) -> None:
    objects, namespace = Objects(own_plane.kubeconfig), own_plane.new_namespace()
    old = objects.create(_config_map(namespace, "one"))["metadata"]["resourceVersion"]
    for number in range(5):
        objects.apply(_config_map(namespace, "one", number=str(number)))
    own_plane.compact()
    own_plane.stop_api()
    own_plane.start_api()
    assert asyncio.run(_watch_error(own_plane, namespace, old)) == 410
    objects.close()


async def _watch_error(plane: ControlPlane, namespace: str, version: str) -> int:
    params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "5"}
    async with (
        Client(from_kubeconfig(plane.kubeconfig), "test") as client,
        client.stream(kinds.CONFIG_MAPS.path(namespace), params) as answer,
        cut_at_end(answer),
    ):
        if answer.status != 200:
            return int(answer.status)
        event = json.loads(await answer.content.readline())
        assert event["type"] == "ERROR", event
        return int(event["object"]["code"])


def test_a_server_that_cannot_start_says_why_at_once(own_plane: ControlPlane) -> None:
    own_plane.stop_api()
    own_plane.api_flags = ("--no-such-flag=1",)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="no-such-flag"):
        own_plane.start_api()
    assert time.monotonic() - began < 20
    own_plane.api_flags = ()
    own_plane.start_api()


def test_few_requests_at_once_are_throttled(tmp_path: Path) -> None:
    flags = ("--max-requests-inflight=2", "--max-mutating-requests-inflight=1", "--enable-priority-and-fairness=false")
    with running_control_plane(tmp_path, crds=False, api_flags=flags) as plane:
        namespace = plane.new_namespace()
        _allowed(plane, namespace, "list", "create").close()  # administrators are never throttled
        assert 429 in asyncio.run(_answers(plane.kubeconfig_for("someone", namespace), namespace))


async def _answers(kubeconfig: Path, namespace: str) -> set[int]:
    async with Client(from_kubeconfig(kubeconfig), "test", connections=40) as client:

        async def made(number: int) -> int:
            try:
                await client.create(kinds.CONFIG_MAPS, _config_map(namespace, f"c-{number}", text="x" * 50_000))
            except ApiError as e:
                return e.status
            return 201

        return set(await asyncio.gather(*(made(number) for number in range(200))))
