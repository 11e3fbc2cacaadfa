"""The drawings of a task share one frame, and thick strokes are made smaller in it."""

import numpy as np
import pytest

from quickstudy.datasets.drawings import USUAL_SIDE, find_ink
from quickstudy.datasets.frames import common_frame, stroke_width, usual_side


def bar(height: int, width: int, margin: int = 0) -> np.ndarray:
    return np.pad(np.ones((height, width)), ((margin, margin), (20, 20)))


def ring(side: int, stroke: int) -> np.ndarray:
    pixels = np.ones((side, side))
    pixels[stroke:-stroke, stroke:-stroke] = 0
    return np.pad(pixels, 5)


@pytest.mark.parametrize("stroke", [2, 4, 8])
def test_the_width_of_a_stroke_is_measured(stroke: int) -> None:
    assert stroke_width(find_ink(ring(80, stroke))) == pytest.approx(stroke / 80, rel=0.15)


def test_blank_images_have_no_stroke() -> None:
    blank = find_ink(np.zeros((20, 20)))
    assert stroke_width(blank) is None
    assert usual_side([blank]) == USUAL_SIDE
    assert usual_side([]) == USUAL_SIDE


def test_thin_strokes_keep_the_usual_size_and_thick_ones_become_smaller() -> None:
    sides = [usual_side([find_ink(ring(80, stroke))]) for stroke in (2, 4, 8, 16, 30)]
    assert sides[:2] == [USUAL_SIDE, USUAL_SIDE]
    assert USUAL_SIDE > sides[2] > sides[3] >= sides[4] == pytest.approx(0.4)


def test_a_task_is_moved_where_most_ink_reaches_the_edges() -> None:
    edge, aside = find_ink(bar(60, 3)), find_ink(bar(20, 3, margin=20))
    assert common_frame([edge, edge, aside]).is_moved
    assert not common_frame([edge, aside, aside]).is_moved
    assert common_frame([aside], reframe=True).is_moved
    assert not common_frame([edge], reframe=False).is_moved
    assert not common_frame([]).is_moved


def test_a_query_is_put_into_the_frame_of_the_examples() -> None:
    frame = common_frame([find_ink(bar(60, 3))] * 3)
    aside = find_ink(bar(20, 3, margin=20))
    rows = np.flatnonzero(frame.apply(aside, 28).max(axis=1) > 0.5)
    assert rows[0] + rows[-1] == pytest.approx(27, abs=1)
    assert len(rows) == pytest.approx(frame.side * 28, abs=1.5)


def test_given_shades_keep_the_usual_side() -> None:
    assert common_frame([find_ink(bar(40, 20), invert=False)], invert=False, reframe=True).side == USUAL_SIDE
