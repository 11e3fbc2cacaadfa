import math

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import PointLayout, Sinusoids


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_sinusoid_is_one_wave_for_support_and_queries():
    tasks = Sinusoids(PointLayout(3, 7, -5.0, 5.0)).sample(50, seeded())
    x = torch.cat([tasks.support_x, tasks.query_x], dim=1).double()
    y = torch.cat([tasks.support_y, tasks.query_y], dim=1).double()
    basis = torch.cat([x.sin(), x.cos()], dim=-1)  # a sin(x − b) = a cos b · sin x − a sin b · cos x
    solved = torch.linalg.lstsq(basis, y).solution
    assert torch.allclose(basis @ solved, y, atol=1e-5)
    amplitude = solved.norm(dim=(1, 2))
    assert ((amplitude > 0.09) & (amplitude < 5.01)).all()
    phase = torch.atan2(-solved[:, 1, 0], solved[:, 0, 0])
    assert ((phase > -0.01) & (phase < math.pi + 0.01)).all()


def test_the_spread_of_sinusoids_is_the_papers():
    tasks = Sinusoids(PointLayout(1, 1, -5.0, 5.0)).sample(20_000, seeded())
    assert tasks.query_x.min() < -4.9
    assert tasks.query_x.max() > 4.9
    # Of a uniform amplitude the mean square is (0.1² + 0.1 · 5 + 5²) / 3, of a wave over its period a half.
    assert float(tasks.query_y.square().mean()) == pytest.approx(25.51 / 6, rel=0.1)


def test_the_same_generator_state_draws_the_same_functions_and_nothing_else_is_used():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, again, other = (Sinusoids().sample(4, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first.support_x[:, :1], other.support_x[:, :1])


def test_counts_are_drawn_for_each_batch_and_may_be_none():
    generator, functions = seeded(), Sinusoids(PointLayout((0, 2), (1, 3)))
    shapes = {
        (len(tasks.support_x[0]), len(tasks.query_x[0]))
        for tasks in (functions.sample(2, generator) for _ in range(90))
    }
    assert shapes == {(support, queries) for support in range(3) for queries in range(1, 4)}


def test_asked_for_the_support_too_queries_begin_with_it():
    tasks = Sinusoids(PointLayout(4, 3, predicts_support=True)).sample(2, seeded())
    assert tasks.query_x.shape == (2, 7, 1)
    assert torch.equal(tasks.query_x[:, :4], tasks.support_x)
    assert torch.equal(tasks.query_y[:, :4], tasks.support_y)


def test_inputs_of_several_numbers_fill_their_box():
    tasks = Sinusoids(PointLayout(2, 50, 1.0, 3.0, inputs=2)).sample(40, seeded())
    assert tasks.query_x.shape == (40, 50, 2)
    assert (tasks.query_x.amin(dim=(0, 1)) < 1.1).all()
    assert (tasks.query_x.amax(dim=(0, 1)) > 2.9).all()
    assert ((tasks.query_x >= 1) & (tasks.query_x <= 3)).all()


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        (PointLayout(-1, 5), "number from 0"),
        (PointLayout(5, 0), "number from 1"),
        (PointLayout((5, 2), 1), "lowest first"),
        (PointLayout(low=1.0, high=1.0), "lower end first"),
        (PointLayout(inputs=0), "at least one"),
        (PointLayout(query_range=(3.0, 2.0)), "lower end first"),
        (PointLayout(inputs=2, evenly=True), "are not on a line"),
    ],
)
def test_what_cannot_be_drawn_is_refused(layout, complaint):
    with pytest.raises(UserError, match=complaint):
        Sinusoids(layout)
    with pytest.raises(UserError, match=complaint):
        Sinusoids().with_layout(layout)


def test_other_points_can_be_drawn_on_the_same_functions():
    usual = Sinusoids(PointLayout(3, 7, -5.0, 5.0))
    beyond = usual.with_layout(usual.layout._replace(query_range=(5.0, 6.0)))
    assert usual.layout.query_range is None
    near, far = (functions.sample(20, seeded()) for functions in (usual, beyond))
    assert torch.equal(near.support_x, far.support_x)
    assert torch.equal(near.support_y, far.support_y)
    assert ((far.query_x >= 5) & (far.query_x <= 6)).all()
    assert near.query_x.max() <= 5


def test_queries_can_stand_at_even_distances():
    tasks = Sinusoids(PointLayout(3, 9, -2.0, 2.0, evenly=True)).sample(2, seeded())
    assert torch.equal(tasks.query_x[:, :, 0], torch.linspace(-2, 2, 9).expand(2, 9))
    assert tasks.support_x.unique().numel() == 6


@pytest.mark.parametrize(("support", "queries", "expected"), [(5, 10, False), ((3, 9), 10, True), (5, (2, 9), True)])
def test_tasks_of_a_batch_share_a_drawn_number_of_points(support, queries, expected):
    assert Sinusoids(PointLayout(support, queries)).draws_by_batch is expected
