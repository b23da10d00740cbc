"""What a registry once told is kept, and stays true without it: for that registry alone."""

import pytest

from alpr_kafka.errors import Unavailable
from alpr_kafka.registry import Registry, canonical, subject_of
from alpr_kafka.settings import RegistrySettings
from alpr_schemas import codec, topics

NOBODY = "http://127.0.0.1:9"  # the discard port: nobody listens
SCHEMA = codec.definition(topics.PLATES)


@pytest.fixture
def offline(tmp_path):
    with Registry(RegistrySettings(url=NOBODY, cache_folder=tmp_path, timeout_s=1)) as registry:
        yield registry


def kept(registry, schema_id, tmp_path):
    """As if it had been told before; the file, by a registry that answered."""
    registry._registered = lambda *_: schema_id
    assert registry.id_of(topics.PLATES, SCHEMA) == schema_id
    return next(tmp_path.glob("id-*.json"))


def test_an_id_that_was_told_serves_a_start_without_the_registry(offline, tmp_path):
    kept(offline, 7, tmp_path)
    with Registry(RegistrySettings(url=NOBODY, cache_folder=tmp_path, timeout_s=1)) as later:
        assert later.id_of(topics.PLATES, SCHEMA) == 7


def test_another_registrys_ids_are_not_taken_for_ours(offline, tmp_path):
    kept(offline, 7, tmp_path)
    other = RegistrySettings(url=NOBODY + "/other", cache_folder=tmp_path, timeout_s=1)
    with Registry(other) as later, pytest.raises(Unavailable):
        later.id_of(topics.PLATES, SCHEMA)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b'{"id": "x"}', b"\xff"])
def test_a_damaged_file_is_one_that_is_not_there(offline, tmp_path, damage):
    kept(offline, 7, tmp_path).write_bytes(damage)
    settings = RegistrySettings(url=NOBODY, cache_folder=tmp_path, timeout_s=1)
    with Registry(settings) as later, pytest.raises(Unavailable, match="SCHEMA_REGISTRY_URL"):
        later.id_of(topics.PLATES, SCHEMA)


def test_a_text_is_the_same_for_parsed_and_written_schemas():
    assert canonical(codec.schema(topics.PLATES)).count("__") == 0
    assert subject_of(topics.PLATES) == "alpr.events.plates-value"
