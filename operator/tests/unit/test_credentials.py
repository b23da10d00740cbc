"""Secrets: what a wrong one says, and when a box is made anew."""

import base64

import pytest

from alpr_operator.credentials import Secret, sealed_for, secret_of
from alpr_operator.status.camera import Credential
from alpr_sealing import key_id, new_private_key, public_key, unseal

VALID = Credential("True", "Valid", "")
KEY = new_private_key()


def raw(**data):
    return {
        "metadata": {"name": "door", "resourceVersion": "7"},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def test_a_secret_with_both_keys_is_valid_and_does_not_show_in_its_repr():
    secret = secret_of(raw(username=b"eve", password=b"hush"))
    assert secret.told.reason == "Valid"
    assert secret.content == {"username": "eve", "password": "hush"}
    assert "hush" not in repr(secret)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"username": b"eve"}, "no key password"),
        ({}, "no key username and no key password"),
        ({"username": b"\xff", "password": b"x"}, "UTF-8"),
    ],
)
def test_a_secret_that_is_wrong_says_how_by_name_and_never_what_is_in_it(data, told):
    secret = secret_of(raw(**data))
    assert (secret.told.status, secret.told.reason) == ("False", "SecretInvalid")
    assert told in secret.told.message
    assert "door" in secret.told.message
    assert "eve" not in secret.told.message
    assert secret.content is None


def test_20_a_box_is_made_anew_only_when_secret_or_key_change():
    secret = Secret("7", VALID, {"username": "eve", "password": "hush"})
    first = sealed_for(secret, public_key(KEY), None)
    assert first.key_id == key_id(public_key(KEY))
    assert unseal(KEY, first.box) == secret.content
    assert sealed_for(secret, public_key(KEY), first) is first
    rotated = sealed_for(Secret("8", VALID, {"username": "eve", "password": "new"}), public_key(KEY), first)
    assert unseal(KEY, rotated.box)["password"] == "new"
    assert sealed_for(secret, public_key(new_private_key()), first).key_id != first.key_id


def test_a_secret_that_cannot_be_read_just_now_leaves_the_node_what_it_has():
    before = sealed_for(Secret("7", VALID, {"username": "a", "password": "b"}), public_key(KEY), None)
    assert sealed_for(None, public_key(KEY), before) is before
    assert sealed_for(Secret("", Credential("Unknown", "NoAccess", "")), public_key(KEY), before) is before
    assert sealed_for(Secret("", Credential("False", "SecretMissing", "")), public_key(KEY), before) is None


def test_a_broken_key_seals_nothing():
    assert sealed_for(Secret("7", VALID, {"username": "a", "password": "b"}), "AAAA", None) is None
