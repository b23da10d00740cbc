import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.evaluate.labels import Label
from alpr_edge_agent.evaluate.score import (
    Prediction,
    compare,
    confusions,
    edit_distance,
    iou,
    is_found,
    judge,
    mcnemar,
    score,
)
from alpr_edge_agent.frames import Box

texts = st.text(alphabet="ABO01", max_size=7)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(1, 200),
    st.integers(1, 100),
)
labels = st.builds(lambda box, text: Label("a.jpg", "us", box, text), boxes, texts.filter(bool))
predictions = st.builds(Prediction, texts, boxes)

PLATE = Box(100, 100, 200, 140)


def label(text: str = "ABC123", box: Box = PLATE) -> Label:
    return Label("a.jpg", "us", box, text)


@pytest.mark.parametrize(
    ("box", "found"),
    [
        (PLATE, True),
        (Box(100, 100, 170, 140), True),  # 70 % of the width
        (Box(100, 100, 169, 140), False),
        (Box(50, 80, 250, 160), True),  # four times the area
        (Box(50, 80, 251, 160), False),
        (Box(300, 300, 400, 340), False),
    ],
)
def test_found_means_covered_and_not_too_large(box: Box, *, found: bool) -> None:
    assert is_found(PLATE, box) is found


@given(boxes, boxes)
def test_overlap_is_symmetric_and_bounded(a: Box, b: Box) -> None:
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= 1
    assert iou(a, a) == 1


@given(st.lists(labels, max_size=4), st.lists(predictions, max_size=4))
def test_every_prediction_serves_one_label_or_is_extra(wanted: list[Label], predicted: list[Prediction]) -> None:
    verdicts, extra = judge(wanted, predicted)
    used = [verdict.prediction for verdict in verdicts if verdict.prediction]
    assert [verdict.label for verdict in verdicts] == wanted
    assert len({id(prediction) for prediction in used}) == len(used)
    assert extra == len(predicted) - len(used)


@given(st.lists(labels, min_size=1, max_size=4), st.lists(predictions, max_size=4))
def test_strict_implies_folded_and_shares_are_shares(wanted: list[Label], predicted: list[Prediction]) -> None:
    verdicts, extra = judge(wanted, predicted)
    found = score(verdicts, 1, extra)
    assert found.strict <= found.folded
    assert all(0 <= share <= 1 for share in (found.found, found.tight, found.strict, found.folded))
    assert found.character_error_rate >= 0


@given(st.lists(labels, min_size=1, max_size=4, unique_by=lambda item: item.box))
def test_a_perfect_reader_scores_perfectly(wanted: list[Label]) -> None:
    verdicts, extra = judge(wanted, [Prediction(item.text, item.box) for item in wanted])
    found = score(verdicts, 1, extra)
    assert (found.found, found.strict, found.extra, found.character_error_rate) == (1, 1, 0, 0)


def test_the_best_fitting_box_is_judged_whatever_it_reads() -> None:
    wide = Prediction("ABC123", Box(80, 90, 220, 150))
    close = Prediction("ABC12B", Box(99, 99, 201, 141))
    verdicts, extra = judge([label()], [wide, close])
    assert verdicts[0].text == "ABC12B"
    assert not verdicts[0].strict
    assert extra == 1


def test_a_box_that_finds_the_plate_comes_before_one_that_only_touches_it() -> None:
    part = Prediction("BC123", Box(140, 100, 200, 140))  # IoU 0.6, but 60 % covered
    large = Prediction("ABC123", Box(60, 90, 240, 160))  # IoU 0.32, covers all
    assert judge([label()], [part, large])[0][0].prediction is large


def test_letter_o_and_zero_are_one_when_folded_and_no_others_are() -> None:
    verdict = judge([label("AO1")], [Prediction("A01", PLATE)])[0][0]
    assert verdict.folded
    assert not verdict.strict
    assert not judge([label("AI1")], [Prediction("A11", PLATE)])[0][0].folded


def test_a_missed_plate_counts_all_its_characters() -> None:
    verdicts, extra = judge([label("ABCD"), label("EF", Box(0, 0, 20, 10))], [Prediction("ABXD", PLATE)])
    found = score(verdicts, 2, extra)
    assert found.character_error_rate == pytest.approx(3 / 6)
    assert (found.found, found.strict, found.extra) == (0.5, 0, 0)


@given(texts, texts, texts)
def test_edit_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@pytest.mark.parametrize(("a", "b", "distance"), [("KITTEN", "SITTING", 3), ("", "AB", 2), ("AB", "BA", 2)])
def test_edit_distance_by_example(a: str, b: str, distance: int) -> None:
    assert edit_distance(a, b) == distance


@pytest.mark.parametrize(("gained", "lost", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (10, 1, 0.01171875)])
def test_mcnemar_by_example(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)
    assert mcnemar(lost, gained) == pytest.approx(p)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_a_probability(gained: int, lost: int) -> None:
    assert 0 <= mcnemar(gained, lost) <= 1


def test_only_plates_of_both_runs_are_compared() -> None:
    found = compare({"a": True, "b": False, "c": True}, {"a": False, "b": True, "d": True})
    assert (found.gained, found.lost) == (("b",), ("a",))
    assert found.p == 1


def test_confusions_count_characters_in_texts_of_equal_length() -> None:
    verdicts = [judge([label("A8C")], [Prediction(text, PLATE)])[0][0] for text in ("ABC", "ABD", "AB")]
    assert confusions(verdicts) == {("8", "B"): 2, ("C", "D"): 1}
