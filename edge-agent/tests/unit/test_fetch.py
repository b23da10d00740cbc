"""Fetching by digest, over local files; `integration/test_fetch.py` does it over TLS and S3."""

import hashlib
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpr_edge_agent.errors import DigestMismatch, FetchFailed
from alpr_edge_agent.models.fetch import fetch, file_name

CONTENT = os.urandom(3_000_000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(CONTENT)
    return path


def part_of(target):
    return target.with_name(f".{target.name}.part")


def test_the_whole_file_comes(tmp_path, source):
    target = tmp_path / "models" / "m.onnx"
    fetch(source.as_uri(), DIGEST, target, max_bytes=10**9)
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(CONTENT)))
def test_a_broken_transfer_goes_on_where_it_ended(tmp_path, source, arrived):
    target = tmp_path / "m.onnx"
    part_of(target).write_bytes(CONTENT[:arrived])
    fetch(source.as_uri(), DIGEST, target, max_bytes=10**9)
    assert target.read_bytes() == CONTENT


def test_a_part_of_something_else_is_thrown_away(tmp_path, source):
    target = tmp_path / "m.onnx"
    part_of(target).write_bytes(b"x" * 1000)
    with pytest.raises(FetchFailed, match="from its start"):
        fetch(source.as_uri(), DIGEST, target, max_bytes=10**9)
    fetch(source.as_uri(), DIGEST, target, max_bytes=10**9)
    assert target.read_bytes() == CONTENT


def test_something_else_leaves_nothing(tmp_path, source):
    target = tmp_path / "m.onnx"
    with pytest.raises(DigestMismatch, match="correct url or digest"):
        fetch(source.as_uri(), "sha256:" + "0" * 64, target, max_bytes=10**9)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx"]


def test_the_limit_holds_and_frees_the_disk(tmp_path, source):
    target = tmp_path / "m.onnx"
    with pytest.raises(FetchFailed, match="larger than 1000000 bytes"):
        fetch(source.as_uri(), DIGEST, target, max_bytes=1_000_000)
    assert not part_of(target).exists()


def test_an_end_keeps_what_has_come(tmp_path, source):
    target = tmp_path / "m.onnx"
    with pytest.raises(FetchFailed, match="the agent ends"):
        fetch(source.as_uri(), DIGEST, target, max_bytes=10**9, ended=lambda: True)
    assert part_of(target).read_bytes() == CONTENT[: 1 << 20]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///nowhere/m.onnx", "No such file"),
        ("ftp://example.com/m.onnx", "https://, s3:// or file://"),
        ("http://example.com/m.onnx", "https://, s3:// or file://"),
        ("https://user:pass@example.com/m.onnx", "no user or password"),
    ],
)
def test_bad_addresses_say_what_to_do_and_no_secret(tmp_path, url, words):
    with pytest.raises(FetchFailed, match=words) as error:
        fetch(url, DIGEST, tmp_path / "m.onnx", max_bytes=10)
    assert "pass@" not in str(error.value)


def test_files_are_named_by_digest_and_kind():
    assert file_name("sha256:ab", "https://example.com/x/plate.onnx?sig=1") == "sha256-ab.onnx"
    assert file_name("sha256:ab", "s3://models/x.engine") == "sha256-ab.engine"
    assert file_name("sha256:ab", "https://example.com/models/7") == "sha256-ab.onnx"
