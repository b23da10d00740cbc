"""Camera passwords: sealed to one node, made anew when they change, and told of by name alone."""

import pytest

from alpr_kubernetes import kinds
from alpr_sealing import new_private_key, public_key, unseal

pytestmark = pytest.mark.integration
HUSH = "hush-4711"


@pytest.fixture
def keyed(operator, site):
    """Two nodes with keys of their own."""
    site.change(nodeClasses=[{"name": "cpu", "capacityUnits": 40}])
    keys = {f"{site.name}-n{number}": new_private_key() for number in range(2)}
    for node in keys:
        site.node(node)
    site.until(lambda: site.assignments().keys() == keys.keys(), 20, "assignments")
    for node, key in keys.items():
        site.ack(node, sealingKey=public_key(key))
    return site, keys


def secret(site, name, **content):
    meta = {"name": name, "namespace": site.namespace}
    site.objects.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": content})


def camera(site, name, secret_name):
    source = {"protocol": "rtsp", "url": f"rtsp://192.0.2.9/{name}", "credentialsSecretRef": {"name": secret_name}}
    site.camera(name, costUnits=1, source=source)


def sealed(site, name):
    for node, assignment in site.assignments().items():
        for one in assignment["spec"].get("cameras") or ():
            if one["name"] == name and "sealedCredential" in one:
                return node, one["sealedCredential"]
    return None


def test_20_a_rotated_secret_reaches_its_node_and_no_other(keyed):
    site, keys = keyed
    secret(site, "gate", username="eve", password=HUSH)
    secret(site, "yard", username="eve", password=HUSH)
    camera(site, "gate", "gate")
    camera(site, "yard", "yard")
    site.until(lambda: sealed(site, "gate") is not None and sealed(site, "yard") is not None, 20, "boxes")
    node, box = sealed(site, "gate")
    assert unseal(keys[node], box["box"]) == {"username": "eve", "password": HUSH}
    before = site.revisions()
    secret(site, "gate", username="eve", password=f"{HUSH}-new")
    site.until(lambda: sealed(site, "gate")[1] != box, 20, "a new box")
    node, box = sealed(site, "gate")
    assert unseal(keys[node], box["box"])["password"] == f"{HUSH}-new"
    assert {one for one, revision in site.revisions().items() if revision != before[one]} == {node}
    site.until(lambda: site.told("gate", "CredentialsValid") == ("True", "Valid"), 10, "it says so")


def test_20_a_missing_or_wrong_secret_is_named_and_never_quoted(keyed):
    site, _ = keyed
    camera(site, "gate", "nowhere")
    site.until(lambda: site.told("gate", "CredentialsValid") == ("False", "SecretMissing"), 20, "it says so")
    secret(site, "half", username=HUSH)
    camera(site, "yard", "half")
    site.until(lambda: site.told("yard", "CredentialsValid") == ("False", "SecretInvalid"), 20, "it says so")
    told = [one["message"] for name in ("gate", "yard") for one in site.seen(name)["status"]["conditions"]]
    assert any("nowhere" in one for one in told)
    assert any("half" in one and "password" in one for one in told)
    secret(site, "nowhere", username="eve", password=HUSH)
    site.until(lambda: site.told("gate", "CredentialsValid") == ("True", "Valid"), 20, "it is found")


def test_20_a_password_that_the_camera_refuses_shows_within_one_report(keyed):
    site, keys = keyed
    secret(site, "gate", username="eve", password=HUSH)
    camera(site, "gate", "gate")
    site.until(lambda: sealed(site, "gate") is not None, 20, "the box")
    node, _ = sealed(site, "gate")
    site.ack(node, states={"gate": "AuthFailed"}, sealingKey=public_key(keys[node]))
    site.until(lambda: site.told("gate", "CredentialsValid") == ("False", "AuthFailed"), 5, "it says so")
    assert site.told("gate", "Ready") == ("False", "AuthFailed")


def test_20_no_password_stands_in_any_log_event_or_object(keyed, operator):
    site, _ = keyed
    secret(site, "gate", username="eve", password=HUSH)
    secret(site, "half", username=HUSH)
    camera(site, "gate", "gate")
    camera(site, "yard", "half")
    site.until(lambda: sealed(site, "gate") is not None, 20, "the box")
    operator.idle()
    everything = operator.log.read_text()
    for kind in (kinds.CAMERAS, kinds.SITES, kinds.ASSIGNMENTS, kinds.EVENTS, kinds.ROLES, kinds.DAEMON_SETS):
        everything += str(site.objects.list(kind, site.namespace))
    assert HUSH not in everything
