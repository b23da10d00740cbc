from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from alpr_testing.opensearch import OpenSearch

pytestmark = pytest.mark.integration


@pytest.fixture
def client(opensearch: OpenSearch) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=opensearch.url, timeout=30) as one:
        yield one


def _bulk(client: httpx.Client, index: str, documents: dict[str, dict[str, object]]) -> list[int]:
    """The status of each document, put there by version 1 of its own."""
    lines = []
    for key, document in documents.items():
        lines.append({"index": {"_id": key, "version": 1, "version_type": "external"}})
        lines.append(document)
    body = "".join(json.dumps(line) + "\n" for line in lines)
    headers = {"content-type": "application/x-ndjson"}
    answer = client.post(f"/{index}/_bulk?refresh=true", content=body, headers=headers).raise_for_status().json()
    return [item["index"]["status"] for item in answer["items"]]


def test_a_killed_node_returns_with_its_documents(
    opensearch: OpenSearch, client: httpx.Client, index_prefix: str
) -> None:
    index = f"{index_prefix}-a"
    assert set(_bulk(client, index, {str(n): {"text": f"AB{n}"} for n in range(300)})) == {201}
    opensearch.kill()
    with pytest.raises(httpx.ConnectError):
        httpx.get(opensearch.url)
    opensearch.start()
    client.get(f"/_cluster/health/{index}?wait_for_status=yellow&timeout=30s").raise_for_status()
    assert client.get(f"/{index}/_count").json()["count"] == 300


def test_a_document_that_is_there_is_not_written_again(client: httpx.Client, index_prefix: str) -> None:
    assert _bulk(client, f"{index_prefix}-a", {"1": {"text": "AB1"}}) == [201]
    assert _bulk(client, f"{index_prefix}-a", {"1": {"text": "AB1"}, "2": {"text": "AB2"}}) == [409, 201]


def test_templates_shape_an_index_to_partial_plates(client: httpx.Client, index_prefix: str) -> None:
    grams = {"type": "ngram", "min_gram": 2, "max_gram": 4, "token_chars": ["letter", "digit"]}
    analysis = {"tokenizer": {"grams": grams}, "analyzer": {"partial": {"type": "custom", "tokenizer": "grams"}}}
    template = {
        "index_patterns": [f"{index_prefix}-*"],
        "template": {
            "settings": {"index.max_ngram_diff": 2, "analysis": analysis},
            "mappings": {"dynamic": "strict", "properties": {"text": {"type": "text", "analyzer": "partial"}}},
        },
    }
    client.put(f"/_index_template/{index_prefix}", json=template).raise_for_status()
    assert _bulk(client, f"{index_prefix}-a", {"1": {"text": "AB12CDE"}, "2": {"colour": "red"}}) == [201, 400]
    query = {"query": {"match": {"text": "12CD"}}}
    assert client.post(f"/{index_prefix}-a/_search", json=query).json()["hits"]["total"]["value"] == 1


def test_an_alias_moves_in_one_step_and_scripts_run(client: httpx.Client, index_prefix: str) -> None:
    old, new, alias = (f"{index_prefix}-{name}" for name in ("g1", "g2", "alias"))
    _bulk(client, old, {"1": {"text": "AB1"}})
    client.put(f"/{old}/_alias/{alias}").raise_for_status()
    told = {"source": {"index": old}, "dest": {"index": new}, "script": {"source": "ctx._source.text = 'CD1'"}}
    client.post("/_reindex?refresh=true", json=told).raise_for_status()
    moved = [{"remove": {"index": old, "alias": alias}}, {"add": {"index": new, "alias": alias}}]
    client.post("/_aliases", json={"actions": moved}).raise_for_status()
    hits = client.get(f"/{alias}/_search").json()["hits"]["hits"]
    assert [(hit["_index"], hit["_source"]["text"]) for hit in hits] == [(new, "CD1")]
