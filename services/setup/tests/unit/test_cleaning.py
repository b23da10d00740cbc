"""Objects of the cluster are kept as somebody would write them, and come back in an order in which each has what it needs."""

import base64
import gzip
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alpr_kubernetes.kinds import CAMERAS, CONFIG_MAPS, NAMESPACES, SECRETS, SITES
from alpr_setup.backups.cleaning import as_text, cleaned, made_by_another, parsed, values_of
from alpr_setup.backups.configuration import Wanted, in_order
from alpr_setup.errors import SetupError

SITE = {
    "metadata": {
        "name": "harbour", "namespace": "harbour", "uid": "u", "resourceVersion": "7", "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{}], "finalizers": ["ovr-alpr.io/site"],
        "labels": {"team": "video"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "meta.helm.sh/release-name": "harbour"},
    },
    "spec": {"siteId": "harbour"},
    "status": {"conditions": []},
}  # fmt: skip
texts = st.text("abc-", min_size=1, max_size=5)
metas = st.dictionaries(st.sampled_from(["uid", "labels", "annotations", "finalizers", "generateName"]),
                        st.dictionaries(texts, texts, max_size=2), max_size=4)  # fmt: skip


def test_what_the_server_wrote_goes_and_what_people_wrote_stays():
    assert cleaned(SITES, SITE) == {
        "apiVersion": "ovr-alpr.io/v1alpha1",
        "kind": "AlprSite",
        "metadata": {
            "name": "harbour", "namespace": "harbour", "labels": {"team": "video"},
            "annotations": {"meta.helm.sh/release-name": "harbour"},
        },
        "spec": {"siteId": "harbour"},
    }  # fmt: skip


def test_a_namespace_keeps_its_labels_alone():
    labels = {"kubernetes.io/metadata.name": "a", "pod-security.kubernetes.io/enforce": "restricted"}
    found = {"metadata": {"name": "a", "labels": labels}, "spec": {"finalizers": ["kubernetes"]}, "status": {}}
    assert cleaned(NAMESPACES, found) == {
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "a", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }  # fmt: skip


@given(metas, st.dictionaries(texts, texts, max_size=3))
def test_cleaning_twice_is_cleaning_once(meta, data):
    found = {"metadata": {"name": "a", "namespace": "b", **meta}, "data": data, "status": {}}
    once = cleaned(CONFIG_MAPS, found)
    assert cleaned(CONFIG_MAPS, once) == once


def test_text_holds_everything_in_the_order_in_which_it_comes_back():
    camera = {"metadata": {"name": "gate", "namespace": "harbour"}, "spec": {"siteRef": {"name": "harbour"}}}
    secret = {"metadata": {"name": "alpr-ca", "namespace": "alpr-system"}, "data": {"ca.crt": "eA=="}}
    space = {"metadata": {"name": "harbour"}}
    text = as_text([(CAMERAS, camera), (SITES, SITE), (SECRETS, secret), (NAMESPACES, space)])
    assert [kind for kind, _ in parsed(text)] == [NAMESPACES, SECRETS, SITES, CAMERAS]
    assert [one["kind"] for one in yaml.safe_load_all(text)] == ["Namespace", "Secret", "AlprSite", "Camera"]


@pytest.mark.parametrize("text", ["kind: Pod\nmetadata: {name: a}", "a: [", "kind: Secret", "- a"])
def test_text_that_was_never_written_is_refused(text):
    with pytest.raises(SetupError, match=r"configuration\.yaml is damaged"):
        parsed(text)


def release(name, revision, config):
    told = json.dumps({"name": name, "version": revision, "config": config}).encode()
    packed = base64.b64encode(base64.b64encode(gzip.compress(told))).decode()
    meta = {"name": f"sh.helm.release.v1.{name}.v{revision}"}
    return {"type": "helm.sh/release.v1", "metadata": meta, "data": {"release": packed}}


def test_a_releases_newest_values_are_found_in_helms_own_secrets():
    found = [release("central", 10, {"a": 2}), release("central", 9, {"a": 1}), release("services", 1, None)]
    broken = {**found[0], "data": {"release": "e30="}}
    others = {"type": "Opaque", "metadata": {"name": "x"}, "data": {}}
    told = {name: yaml.safe_load(text) for name, text in values_of([*found, broken, others]).items()}
    assert told == {"central": {"a": 2}, "services": {}}


@pytest.mark.parametrize(
    ("name", "revision"),
    [("../../objects", 1), ("/etc/x", 1), ("", 1), ("a" * 54, 1), ("central", "many"), ("central", None), (None, 1)],
)
def test_what_claims_to_be_helms_names_no_file_and_ends_no_backup(name, revision):
    assert values_of([release(name, revision, {})]) == {}


def test_a_release_that_would_fill_the_memory_is_none():
    assert values_of([release("central", 1, {"a": "b" * (64 << 20)})]) == {}


def test_what_a_controller_makes_is_its_own_to_make_again():
    assert made_by_another({"metadata": {"ownerReferences": [{"uid": "u"}]}})
    assert not made_by_another(SITE)


def objects():
    spaces = [(NAMESPACES, {"metadata": {"name": name}}) for name in ("alpr-system", "harbour")]
    secrets = [(SECRETS, {"metadata": {"name": "s", "namespace": name}}) for name in ("alpr-system", "harbour")]
    return [(SITES, SITE), *secrets, *spaces]


def test_the_releases_objects_go_where_they_are_wanted_and_the_sites_stay():
    found = list(in_order(objects(), Wanted("alpr-system", "elsewhere")))
    assert [(kind.name, one["metadata"].get("namespace", ""), one["metadata"]["name"]) for kind, one in found] == [
        ("Namespace", "", "elsewhere"), ("Namespace", "", "harbour"),
        ("Secret", "elsewhere", "s"), ("Secret", "harbour", "s"), ("AlprSite", "harbour", "harbour"),
    ]  # fmt: skip


def test_secrets_alone_are_those_of_the_release_and_its_namespace():
    found = list(in_order(objects(), Wanted("alpr-system", "alpr-system", only_secrets=True)))
    assert [(kind.name, one["metadata"]["name"]) for kind, one in found] == [
        ("Namespace", "alpr-system"),
        ("Secret", "s"),
    ]
