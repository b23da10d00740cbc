"""Sealed credentials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_sealing import SealingError, key_id, new_private_key, public_key, seal, unseal

texts = st.dictionaries(st.sampled_from(["username", "password"]), st.text(max_size=40))


@given(texts)
def test_what_is_sealed_opens_with_its_own_key(credentials):
    private = new_private_key()
    assert unseal(private, seal(public_key(private), credentials)) == credentials


def test_another_nodes_key_does_not_open_it():
    box = seal(public_key(new_private_key()), {"password": "hush"})
    with pytest.raises(SealingError) as error:
        unseal(new_private_key(), box)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("key", ["", "****", "AAAA"])
def test_a_broken_key_is_named(key):
    with pytest.raises(SealingError, match="key"):
        seal(key, {"password": "hush"})


def test_a_damaged_box_is_refused():
    private = new_private_key()
    box = seal(public_key(private), {"password": "hush"})
    with pytest.raises(SealingError):
        unseal(private, box[:-8] + "AAAAAAA=")


def test_a_keys_name_is_short_and_its_own():
    one, other = (public_key(new_private_key()) for _ in range(2))
    assert len(key_id(one)) == 16
    assert key_id(one) != key_id(other)
