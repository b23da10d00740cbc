"""What is found in the spans of served cameras."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from alpr_testing.served import Span, gaps_s, overlaps, read_spans, served_twice

_spans = st.builds(
    lambda node, camera, epoch, since, lasts: Span(node, camera, f"uid-{camera}", epoch, since, since + lasts),
    st.sampled_from("xyz"),
    st.sampled_from("ab"),
    st.integers(1, 3),
    st.integers(0, 30).map(float),
    st.integers(0, 20).map(float),
)


def _span(node: str, since: float, until: float, epoch: int = 1) -> Span:
    return Span(node, "a", "uid-a", epoch, since, until)


def test_one_after_the_other_is_fine() -> None:
    told = [_span("x", 0, 10), _span("y", 10, 20, epoch=2)]
    assert list(overlaps(told)) == []
    assert served_twice(told) == {}
    assert gaps_s(told) == {"uid-a": 0}


def test_two_at_a_time_are_found_also_behind_a_short_one() -> None:
    long, short, late = _span("x", 0, 100), _span("y", 1, 2, 2), _span("z", 50, 60, 3)
    assert list(overlaps([late, short, long])) == [(long, short), (long, late)]
    assert list(overlaps([late, short, long], allowed_s=5)) == [(long, late)]


def test_two_nodes_in_an_epoch_are_found_however_far_apart() -> None:
    assert served_twice([_span("x", 0, 1), _span("y", 100, 101)]) == {("uid-a", 1): {"x", "y"}}


def test_a_node_may_serve_again() -> None:
    told = [_span("x", 0, 10), _span("x", 5, 20, epoch=2)]
    assert list(overlaps(told)) == []
    assert served_twice(told) == {}


def test_gaps_are_summed() -> None:
    assert gaps_s([_span("x", 0, 10), _span("y", 12, 20, 2), _span("x", 25, 30, 3)]) == {"uid-a": 7}


@given(st.lists(_spans, max_size=12))
def test_a_camera_overlaps_exactly_where_two_of_its_spans_do(told: list[Span]) -> None:
    wanted = {
        one.uid
        for one in told
        for other in told
        if one.uid == other.uid and one.node != other.node and min(one.until, other.until) > max(one.since, other.since)
    }
    assert {one.uid for one, _ in overlaps(told)} == wanted


@given(st.lists(_spans, max_size=12))
def test_pairs_do_overlap(told: list[Span]) -> None:
    for one, other in overlaps(told):
        assert one.node != other.node
        assert min(one.until, other.until) > max(one.since, other.since)


@given(told=st.lists(_spans, max_size=6))
def test_spans_survive_their_file(tmp_path_factory, told: list[Span]) -> None:
    path: Path = tmp_path_factory.mktemp("served") / "served.jsonl"
    path.write_text("".join(span.line() for span in told) + '{"node": "cut o')
    assert read_spans(path) == told


def test_no_file_is_no_span(tmp_path: Path) -> None:
    assert read_spans(tmp_path / "none") == []
