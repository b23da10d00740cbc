"""The CRDs: equal to the models, bounded everywhere, and readable."""

from pathlib import Path

import pytest

from alpr_schemas.crd import definitions
from alpr_schemas.crd.__main__ import text

DEFINITIONS = definitions()


def nodes(node, path=""):
    if isinstance(node, dict):
        if "type" in node and isinstance(node["type"], str):
            yield path, node
        for key, value in node.items():
            yield from nodes(value, f"{path}.{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from nodes(value, f"{path}[{number}]")


def schema(plural):
    return DEFINITIONS[plural]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@pytest.mark.parametrize("plural", DEFINITIONS)
def test_the_file_is_what_the_models_say(plural):
    assert Path(f"crds/{plural}.yaml").read_text() == text(DEFINITIONS[plural]), "run: make crds"


@pytest.mark.parametrize("plural", DEFINITIONS)
def test_every_string_and_list_and_map_is_bounded(plural):
    for path, node in nodes(schema(plural)["properties"].get("spec", {})):
        if node["type"] == "string":
            assert "maxLength" in node or "enum" in node or node.get("format") == "date-time", path
        if node["type"] == "array":
            assert "maxItems" in node, path
            assert "x-kubernetes-list-type" in node, path
        if node["type"] == "object" and "additionalProperties" in node:
            assert "maxProperties" in node, path


@pytest.mark.parametrize("plural", DEFINITIONS)
def test_conditions_are_a_map_by_type_and_status_is_a_subresource(plural):
    version = DEFINITIONS[plural]["spec"]["versions"][0]
    status = schema(plural)["properties"].get("status")
    if status is None:
        return
    assert status["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert version["subresources"] == {"status": {}}


def test_names_that_people_type():
    assert DEFINITIONS["alprsites"]["spec"]["names"]["shortNames"] == ["asite"]
    assert DEFINITIONS["cameras"]["spec"]["names"]["shortNames"] == ["cam"]
    assert all(one["spec"]["names"]["categories"] == ["alpr"] for one in DEFINITIONS.values())


def test_fields_that_a_selector_can_ask_for():
    fields = DEFINITIONS["cameras"]["spec"]["versions"][0]["selectableFields"]
    assert [one["jsonPath"] for one in fields] == [".spec.siteRef.name", ".status.nodeName"]


@pytest.mark.parametrize("plural", DEFINITIONS)
def test_every_field_is_described(plural):
    """`kubectl explain` has words for each."""
    for part in ("spec", "status"):
        bare = [
            path for path, node in fields(schema(plural)["properties"].get(part, {}), part) if "description" not in node
        ]
        assert not bare


def fields(node, path):
    for name, value in node.get("properties", {}).items():
        yield f"{path}.{name}", value
        yield from fields(value, f"{path}.{name}")
    if "items" in node:
        yield from fields(node["items"], path)


def test_words_of_a_field_are_its_own():
    source = schema("cameras")["properties"]["spec"]["properties"]["source"]
    assert source["properties"]["url"]["description"].startswith("rtsp://host/path, ")
    assert source["properties"]["transport"]["description"] == "RTSP over tcp or udp."


def test_machines_kinds_and_statuses_have_no_defaults():
    assert "default" not in str(schema("edgeassignments"))
    assert "'default'" not in str(schema("cameras")["properties"]["status"])
    assert schema("cameras")["properties"]["spec"]["properties"]["priority"]["default"] == 100
