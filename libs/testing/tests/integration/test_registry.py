from __future__ import annotations

import json
import uuid

import httpx
import pytest

from alpr_testing.registry import Registry

pytestmark = pytest.mark.integration
_FIRST = {"type": "record", "name": "Reading", "fields": [{"name": "text", "type": "string"}]}


def _with(field: dict[str, str]) -> dict[str, object]:
    return {**_FIRST, "fields": [{"name": "text", "type": "string"}, field]}


def _register(registry: Registry, subject: str, schema: dict[str, object]) -> httpx.Response:
    return httpx.post(f"{registry.url}/subjects/{subject}/versions", json={"schema": json.dumps(schema)}, timeout=30)


@pytest.fixture
def subject(registry: Registry) -> str:
    """A subject of the test alone, whose new versions must read what the old ones wrote."""
    name = f"s-{uuid.uuid4().hex}"
    httpx.put(f"{registry.url}/config/{name}", json={"compatibility": "BACKWARD"}, timeout=30).raise_for_status()
    return name


def test_an_incompatible_schema_is_refused_with_409(registry: Registry, subject: str) -> None:
    _register(registry, subject, _FIRST).raise_for_status()
    assert _register(registry, subject, _with({"name": "camera", "type": "string"})).status_code == 409
    assert _register(registry, subject, _with({"name": "camera", "type": "string", "default": ""})).status_code == 200


def test_the_same_schema_keeps_its_number_over_a_restart(registry: Registry, subject: str) -> None:
    number = _register(registry, subject, _FIRST).json()["id"]
    registry.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{registry.url}/subjects")
    registry.start()
    assert httpx.get(f"{registry.url}/schemas/ids/{number}").json()["schema"]
    assert _register(registry, subject, _FIRST).json()["id"] == number


def test_an_unknown_number_is_not_found(registry: Registry) -> None:
    answer = httpx.get(f"{registry.url}/schemas/ids/999999", timeout=30)
    assert (answer.status_code, answer.json()["error_code"]) == (404, 40403)


def test_a_paused_registry_lets_clients_wait(registry: Registry) -> None:
    registry.pause()
    try:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{registry.url}/subjects", timeout=0.5)
    finally:
        registry.resume()
    assert httpx.get(f"{registry.url}/subjects", timeout=30).is_success
