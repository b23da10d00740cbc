"""Every sample, by the API server and offline: one verdict, and the words that the sample names."""

import json
from pathlib import Path

import httpx
import pytest
import yaml

from alpr_kubernetes import kinds
from alpr_schemas.manifests import check_documents
from alpr_testing.objects import Objects, Refusal

pytestmark = pytest.mark.integration
EXAMPLES = Path("crds/examples")
GOOD = sorted((EXAMPLES / "good").glob("*.yaml"))
BAD = sorted((EXAMPLES / "bad").glob("*.yaml"))


@pytest.fixture(scope="module")
def server(control_plane):
    """Creates and changes with strict checks of fields, as kubectl does, and keeps nothing."""
    client = Objects(control_plane.kubeconfig)
    yield lambda manifest, before=None: _dry(client, manifest, before)
    client.close()


def _dry(client, manifest, before):
    kind = kinds.BY_NAME[manifest["kind"]]
    path = kind.path("default")
    method = "POST"
    if before is not None:
        made = client.create({**before, "metadata": {**before["metadata"], "namespace": "default"}})
        manifest = {
            **manifest,
            "metadata": {**manifest["metadata"], "resourceVersion": made["metadata"]["resourceVersion"]},
        }
        path, method = f"{path}/{manifest['metadata']['name']}", "PUT"
    try:
        return client._sent(method, path, manifest, params={"dryRun": "All", "fieldValidation": "Strict"})
    finally:
        if before is not None:
            client.delete(kind, "default", before["metadata"]["name"])


def expected(path):
    """The field, and the sentence that the API server and we must say of it."""
    first = path.read_text().splitlines()[0]
    field, sentence = first.removeprefix("# expect: ").split(": ", 1)
    return field, sentence


def plain(text):
    """Of a map's key the server says [rack] where a rule is broken, and .rack where a bound is."""
    return text.replace("[", ".").replace("]", "")


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def test_there_are_enough_samples():
    assert len(GOOD) + len(BAD) >= 60
    assert len(BAD) >= 50


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_15_good_samples_are_taken(server, path):
    for manifest in documents(path):
        server(manifest)
    assert check_documents([path]) == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_15_bad_samples_are_refused_with_the_words_they_name(server, path):
    field, sentence = expected(path)
    *before, manifest = documents(path)
    with pytest.raises(Refusal) as refusal:
        server(manifest, *before)
    assert plain(field) in plain(refusal.value.message)
    assert sentence in refusal.value.message
    problems = check_documents([path])
    assert [f"{one.field}: {one.message}"[: len(field) + len(sentence) + 2] for one in problems] == [
        f"{field}: {sentence}"
    ]


def test_15_every_rule_has_a_sample():
    """A rule without a bad sample could be broken and nobody would see it."""
    from alpr_schemas.crd import definitions

    found = json.dumps([definitions()["alprsites"], definitions()["cameras"]])
    messages = {rule["message"] for rule in _rules(json.loads(found))}
    told = {expected(path)[1] for path in BAD}
    assert messages <= told, messages - told


def _rules(node):
    if isinstance(node, dict):
        yield from node.get("x-kubernetes-validations", ())
        for value in node.values():
            yield from _rules(value)
    elif isinstance(node, list):
        for value in node:
            yield from _rules(value)


def test_15_an_old_object_that_breaks_a_new_rule_can_still_be_edited_elsewhere(control_plane, server):
    """Ratcheting: what was stored before a rule came is refused only where the broken part itself is changed."""
    client = Objects(control_plane.kubeconfig)
    crd = json.loads(control_plane.kubectl("get", "crd", "cameras.ovr-alpr.io", "-o", "json"))
    camera = {
        "apiVersion": "ovr-alpr.io/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": "old", "namespace": "default"},
        "spec": {"siteRef": {"name": "x"}, "source": {"protocol": "rtsp", "url": "ftp://192.0.2.1/a"}},
    }
    lax = json.loads(json.dumps(crd))
    spec = lax["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["source"]["x-kubernetes-validations"]
    for noise in ("status", "metadata"):
        lax.pop(noise, None)
    lax["metadata"] = {"name": "cameras.ovr-alpr.io"}
    try:
        control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(lax))
        _until_taken(client, camera)
    finally:
        control_plane.install_crds()
    try:
        _until_refused(client, {**camera, "metadata": {"name": "new", "namespace": "default"}})
        client.merge(kinds.CAMERAS, "default", "old", {"spec": {"priority": 7}})
        with pytest.raises(Refusal, match="protocol rtsp needs an address"):
            client.merge(kinds.CAMERAS, "default", "old", {"spec": {"source": {"url": "ftp://192.0.2.1/b"}}})
    finally:
        client.delete(kinds.CAMERAS, "default", "old")
        client.close()


def _until_taken(client, camera):
    from alpr_testing.waiting import until

    def taken():
        try:
            client.create(camera)
        except Refusal:
            return False
        return True

    until(taken, 20, "the lax schema")


def _until_refused(client, camera):
    from alpr_testing.waiting import until

    def refused():
        try:
            client.create(camera, dry_run=True)
        except (Refusal, httpx.HTTPError):
            return True
        return False

    until(refused, 20, "the strict schema")
