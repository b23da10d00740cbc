"""What the agent is told: no password in an address, and nothing of a wrong one in what is said about it."""

import pytest
from pydantic import ValidationError

from alpr_edge_agent.agent.settings import NodeSettings

HIDDEN = "hunter2"


def told(**more):
    return NodeSettings(node_name="n", namespace="s", **more)


@pytest.mark.parametrize("url", ["s3://bucket/prefix", "s3://bucket", "file:///pictures"])
def test_addresses_of_stores(url):
    assert told(images_url=url, images_endpoint="https://store.example:9000").images_url == url


@pytest.mark.parametrize(
    "wrong",
    [
        {"images_url": f"s3://key:{HIDDEN}@bucket"},
        {"images_url": f"s3://bucket?X-Amz-Signature={HIDDEN}"},
        {"images_endpoint": f"https://key:{HIDDEN}@store.example"},
        {"images_url": "bucket"},
        {"images_bytes_per_s": 0},
    ],
)
def test_what_cannot_be_is_refused_without_being_shown(wrong):
    with pytest.raises(ValidationError) as refused:
        told(**wrong)
    assert HIDDEN not in str(refused.value)
    assert next(iter(wrong)) in str(refused.value)


def test_the_names_of_the_variables(monkeypatch):
    monkeypatch.setenv("ALPR_AGENT_IMAGES_URL", "s3://bucket")
    monkeypatch.setenv("ALPR_AGENT_IMAGES_CREDENTIALS_FILE", "/run/secrets/store/credentials")
    monkeypatch.setenv("ALPR_AGENT_IMAGES_BYTES_PER_S", "250000")
    monkeypatch.setenv("ALPR_AGENT_IMAGES_REGION", "eu-central-1")
    found = told()
    assert str(found.images_credentials_file) == "/run/secrets/store/credentials"
    assert (found.images_bytes_per_s, found.images_region) == (250_000, "eu-central-1")
