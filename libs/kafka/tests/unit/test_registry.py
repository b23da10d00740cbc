"""What a registry once told is kept, and stays true without it: for that registry alone."""

import httpx
import pytest

from alpr_kafka.errors import Misdeployed, Unavailable
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


def answering(answer, folder=None):
    """A registry at whose address something answers so; the HTTP edge alone is replaced."""
    registry = Registry(RegistrySettings(url="http://registry", cache_folder=folder))
    registry._client = httpx.Client(base_url="http://registry", transport=httpx.MockTransport(lambda _: answer))
    return registry


NO_REGISTRY = {
    "a portal": httpx.Response(200, text="<html>sign in</html>"),
    "a redirection": httpx.Response(302, headers={"location": "/login"}),
    "another service": httpx.Response(200, json={"hello": "world"}),
    "a list": httpx.Response(200, json=[]),
    "a text that is no schema": httpx.Response(200, json={"schema": "{"}),
    "an outage": httpx.Response(503),
}


@pytest.mark.parametrize("answer", NO_REGISTRY.values(), ids=NO_REGISTRY)
def test_whatever_else_answers_is_an_outage_and_no_crash(answer, tmp_path):
    with answering(answer, tmp_path) as registry:
        for ask in (lambda: registry.id_of(topics.PLATES, SCHEMA), lambda: registry.schema(3)):
            with pytest.raises(Unavailable):
                ask()
        with pytest.raises(Unavailable):
            registry.fits(topics.PLATES, SCHEMA)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("status", "error"), [(401, Misdeployed), (409, Misdeployed), (422, Misdeployed), (429, Unavailable)]
)
def test_a_refusal_says_who_must_act(status, error):
    with answering(httpx.Response(status)) as registry, pytest.raises(error):
        registry.id_of(topics.PLATES, SCHEMA)


def test_an_id_that_the_registry_does_not_know_is_no_outage():
    with answering(httpx.Response(404)) as registry, pytest.raises(KeyError):
        registry.schema(3)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b'{"type": "recor"}', b'{"type": "record", "fields": 5}'])
def test_a_damaged_schema_is_asked_for_again_and_makes_no_dead_letters(tmp_path, damage):
    told = httpx.Response(200, json={"schema": canonical(SCHEMA)})
    with answering(told, tmp_path) as registry:
        registry.schema(3)
    next(tmp_path.glob("schema-*.json")).write_bytes(damage)
    with answering(told, tmp_path) as later:
        assert canonical(later.schema(3)) == canonical(SCHEMA)
    with answering(httpx.Response(503), tmp_path) as offline:
        assert canonical(offline.schema(3)) == canonical(SCHEMA)
