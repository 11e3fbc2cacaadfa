import math

import pytest
import torch

from quickstudy.datasets.glyph_programs import Programs, draft, polar, spread


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def programs() -> Programs:
    return draft(400, seeded())


def test_every_program_has_a_first_stroke(programs):
    assert (programs.arcs[:, 0, 0, 2] > 0).all()


def test_a_stroke_meets_an_earlier_one(programs):
    strokes = torch.arange(programs.parents.shape[1])
    assert (programs.parents[:, 1:] < strokes[1:]).all()
    assert ((programs.fractions >= 0) & (programs.fractions <= 1)).all()


def test_after_an_arc_that_is_missing_a_stroke_has_no_more(programs):
    exists = programs.arcs[..., 2] > 0
    assert (exists[..., 1:] <= exists[..., :-1]).all()


def test_the_same_generator_drafts_the_same_programs(programs):
    again = draft(400, seeded())
    assert all(torch.equal(one, other) for one, other in zip(programs, again, strict=True))
    assert not torch.equal(programs.arcs, draft(400, seeded(1)).arcs)


def test_polar_vectors_have_direction_and_length():
    found = polar(torch.tensor([0.0, math.pi / 2]), torch.tensor([2.0, 3.0]))
    assert torch.allclose(found, torch.tensor([[2.0, 0.0], [0.0, 3.0]]), atol=1e-6)


def test_each_column_has_its_own_spread():
    found = spread((0.0, 0.1, 10.0), 4000, seeded()).std(dim=0)
    assert torch.allclose(found, torch.tensor([0.0, 0.1, 10.0]), rtol=0.05)
