"""What follows from an answer, and that no reason quotes a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_search_indexer.verdicts import Verdict, reason, verdict


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (201, "", Verdict.INDEXED),
        (200, "", Verdict.INDEXED),
        (409, "version_conflict_engine_exception", Verdict.PRESENT),
        (404, "index_not_found_exception", Verdict.NO_INDEX),
        (429, "rejected_execution_exception", Verdict.AGAIN),
        (403, "cluster_block_exception", Verdict.AGAIN),
        (503, "unavailable_shards_exception", Verdict.AGAIN),
        (500, "anything", Verdict.AGAIN),
        (400, "mapper_parsing_exception", Verdict.REFUSED),
        (400, "strict_dynamic_mapping_exception", Verdict.MAPPING),
    ],
)
def test_what_follows(status, kind, expected):
    assert verdict({"status": status, "error": {"type": kind}}) is expected


@given(st.integers(400, 599))
def test_no_error_ends_in_silence(status):
    assert verdict({"status": status}) is not Verdict.INDEXED


def test_the_reason_names_the_field_and_never_the_value():
    told = "failed to parse field [plate.text] of type [text] in document with id 'x'. Preview of field's value: 'AB12'"
    item = {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": told}}
    assert reason(item) == "OpenSearch: 400 mapper_parsing_exception in field plate.text"
    assert reason({"status": 400}) == "OpenSearch: 400 unknown"
