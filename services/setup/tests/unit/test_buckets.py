"""What users of the bucket may do, as IAM's documents say it."""

import pytest

from alpr_setup.buckets import Grant, ObjectStore, policy_of
from alpr_setup.errors import SetupError


def test_a_writer_puts_and_gets_below_its_prefix_and_lists_nothing():
    policy = policy_of("alpr", Grant("north", "x", "writer", "north/"))
    (statement,) = policy["Statement"]
    assert statement["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert statement["Resource"] == ["arn:aws:s3:::alpr/north/*"]


def test_a_reader_lists_what_it_reads():
    statements = policy_of("alpr", Grant("api", "x", "reader"))["Statement"]
    assert [one["Action"] for one in statements] == [["s3:GetObject"], ["s3:ListBucket"]]
    assert "Condition" not in statements[1]
    within = policy_of("alpr", Grant("api", "x", "reader", "north/"))["Statement"][1]
    assert within["Condition"] == {"StringLike": {"s3:prefix": ["north/*"]}}


def test_a_role_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(SetupError, match="reader, writer"):
        policy_of("alpr", Grant("x", "y", "owner"))


@pytest.mark.parametrize("endpoint", ["objectstore:9000", "s3://bucket", "https://"])
def test_an_endpoint_without_its_scheme_is_refused(endpoint):
    with pytest.raises(SetupError, match="write it as https://host:9000"):
        ObjectStore(endpoint, "a", "b", None, "us-east-1")
