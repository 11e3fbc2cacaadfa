"""The paper of a photograph is told from an even ground."""

import numpy as np
import pytest

from quickstudy.datasets.paper import find_paper


def shaded(side: int = 120, *, falls_by: float, grain: float) -> np.ndarray:
    across = np.linspace(0, 1, side)
    light = 0.9 - falls_by * (across + across[:, None] ** 2) / 2
    return light + grain * np.random.default_rng(0).standard_normal((side, side))


def test_shades_and_grain_of_the_paper_are_found_beside_the_ink() -> None:
    empty = shaded(falls_by=0.4, grain=0.01)
    inked = empty.copy()
    inked[40:80, 50:60] = 0.1
    paper = find_paper(inked)
    assert paper is not None
    np.testing.assert_allclose(paper.shades, shaded(falls_by=0.4, grain=0), atol=0.01)
    assert paper.grain == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize(("falls_by", "grain"), [(0.2, 0), (0, 0.02)])
def test_either_shading_or_grain_makes_a_photograph(falls_by: float, grain: float) -> None:
    assert find_paper(shaded(falls_by=falls_by, grain=grain)) is not None


def test_an_even_ground_is_none_whatever_is_drawn_on_it() -> None:
    ground = np.full((120, 120), 0.7)
    assert find_paper(ground) is None
    ground[10:110, 30:90] = np.linspace(0, 0.6, 60)
    assert find_paper(ground) is None


def test_a_small_picture_and_one_that_is_mostly_no_paper_are_none() -> None:
    assert find_paper(shaded(40, falls_by=0.4, grain=0.02)) is None
    assert find_paper(np.random.default_rng(0).random((120, 120))) is None
