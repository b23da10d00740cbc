import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alpr_edge_agent.detect.boxes import (
    PADDING,
    STRIDE,
    areas,
    clip,
    corners,
    inset,
    letterbox,
    overlaps,
    place,
    suppress,
    to_picture,
)
from alpr_edge_agent.frames import Boxes

sides = st.integers(1, 5000)
sizes = st.sampled_from([320, 640, 960])


@st.composite
def boxes(draw: st.DrawFn, least: int = 0) -> Boxes:
    count = draw(st.integers(least, 8))
    near = draw(arrays(np.float32, (count, 2), elements=st.integers(0, 500).map(float)))
    extent = draw(arrays(np.float32, (count, 2), elements=st.integers(1, 200).map(float)))
    return np.concatenate([near, near + extent], axis=1)


@given(sides, sides, sizes)
def test_letterbox_holds_the_whole_picture_in_whole_cells(width: int, height: int, size: int) -> None:
    box = letterbox(width, height, size)
    assert box.width % STRIDE == 0
    assert box.height % STRIDE == 0
    assert 0 <= box.left <= box.width - box.inner_width
    assert 0 <= box.top <= box.height - box.inner_height
    assert max(box.inner_width, box.inner_height) == size
    assert box.width - box.inner_width < STRIDE
    assert box.height - box.inner_height < STRIDE


@given(sides, sides, sizes, boxes())
def test_boxes_come_back_from_the_letterbox(width: int, height: int, size: int, found: Boxes) -> None:
    box = letterbox(width, height, size)
    within = found * np.array([box.scale_x, box.scale_y] * 2) + np.array([box.left, box.top] * 2)
    np.testing.assert_allclose(to_picture(within.astype(np.float32), box), found, atol=0.01 * max(width, height) / size)


def test_a_placed_picture_has_a_grey_border() -> None:
    white = np.full((90, 200, 3), 255, np.uint8)
    placed = place(white, letterbox(200, 90, 320))
    assert placed.shape == (160, 320, 3)
    assert (placed[:8] == PADDING).all()
    assert (placed[8:152] == 255).all()
    assert (placed[152:] == PADDING).all()


def test_a_picture_of_the_networks_size_is_not_copied() -> None:
    image = np.zeros((320, 640, 3), np.uint8)
    assert place(image, letterbox(640, 320, 640)) is image


@given(boxes(), boxes())
def test_overlap_is_symmetric_and_bounded(a: Boxes, b: Boxes) -> None:
    found = overlaps(a, b)
    np.testing.assert_allclose(found, overlaps(b, a).T, rtol=1e-6)
    assert ((found >= 0) & (found <= 1.0001)).all()


@given(boxes(least=1))
def test_a_box_overlaps_itself_wholly(found: Boxes) -> None:
    np.testing.assert_allclose(np.diag(overlaps(found, found)), 1, rtol=1e-6)


def test_empty_boxes_overlap_nothing() -> None:
    empty = np.array([[5, 5, 5, 5]], np.float32)
    assert overlaps(empty, empty)[0, 0] == 0


@given(boxes(), st.floats(0, 1))
def test_suppression_leaves_no_two_that_overlap_and_drops_none_in_vain(found: Boxes, limit: float) -> None:
    scores = np.linspace(1, 0.1, len(found)).astype(np.float32)
    kept = suppress(found, scores, limit)
    among = overlaps(found[kept], found[kept]) - np.eye(len(kept), dtype=np.float32)
    assert (among <= limit).all()
    for dropped in set(range(len(found))) - set(kept.tolist()):
        stronger = [index for index in kept if index < dropped]
        assert overlaps(found[[dropped]], found[stronger]).max() > limit


@given(boxes(least=1))
def test_the_strongest_box_is_kept_first(found: Boxes) -> None:
    scores = np.linspace(0.1, 1, len(found)).astype(np.float32)
    assert suppress(found, scores, 0.5)[0] == len(found) - 1


@given(boxes(), st.floats(0, 0.49), st.floats(0, 0.49))
def test_inset_boxes_lie_within_and_keep_their_centres(found: Boxes, x: float, y: float) -> None:
    smaller = inset(found, (x, y))
    assert (smaller[:, :2] >= found[:, :2] - 1e-3).all()
    assert (smaller[:, 2:] <= found[:, 2:] + 1e-3).all()
    np.testing.assert_allclose(smaller[:, :2] + smaller[:, 2:], found[:, :2] + found[:, 2:], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(areas(smaller), areas(found) * (1 - 2 * x) * (1 - 2 * y), rtol=1e-2, atol=0.5)


@given(boxes(), sides, sides)
def test_clipped_boxes_stay_within_the_picture(found: Boxes, width: int, height: int) -> None:
    clipped = clip(found, width, height)
    assert (clipped >= 0).all()
    assert (clipped[:, [0, 2]] <= width).all()
    assert (clipped[:, [1, 3]] <= height).all()


def test_corners_of_a_centred_box() -> None:
    assert corners(np.array([[10, 20, 4, 6]], np.float32)).tolist() == [[8, 17, 12, 23]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1)])
def test_the_thinnest_pictures_have_a_place(shape: tuple[int, int]) -> None:
    box = letterbox(shape[1], shape[0], 640)
    assert place(np.zeros((*shape, 3), np.uint8), box).shape == (box.height, box.width, 3)
