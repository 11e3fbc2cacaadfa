"""Projected tasks: each has its own map and labels, and a training may have few or many of them."""

import math

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import Layout, ProjectedPrototypes, ShotsOfEach, UnevenShots
from quickstudy.tasks.projections import MOST_DISTINCT


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def means(tasks) -> torch.Tensor:
    """The mean example of each label, (T, N, D)."""
    x = tasks.support_x.flatten(2)
    return torch.stack([(x * (tasks.support_y == n)[..., None]).sum(1) for n in range(5)], dim=1) / 400


def test_shapes_and_labels_are_those_of_the_layout() -> None:
    tasks = ProjectedPrototypes(Layout(4, 3, 2), side=3).sample(6, seeded())
    assert tasks.support_x.shape == (6, 12, 1, 3, 3)
    assert tasks.query_x.shape == (6, 8, 1, 3, 3)
    assert all(labels.sort().values.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 for labels in tasks.support_y)
    assert all(labels.bincount(minlength=4).tolist() == [2] * 4 for labels in tasks.query_y)


def test_the_same_state_of_the_generator_draws_the_same_tasks() -> None:
    projected = ProjectedPrototypes(distinct=3)
    first, again, other = (projected.sample(2, seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.support_x, other.support_x)


def test_inputs_are_normalised() -> None:
    x = torch.cat(
        [ProjectedPrototypes(Layout(20, 5, 1), seed=seed).sample(300, seeded()).support_x for seed in range(5)]
    )
    assert float(x.mean()) == pytest.approx(0, abs=0.02)
    assert float(x.square().mean()) == pytest.approx(1, abs=0.15)


def test_so_many_tasks_are_drawn_as_there_are() -> None:
    few = ProjectedPrototypes(Layout(5, 400, 1), distinct=3)
    found = means(few.sample(24, seeded()))
    distances = torch.cdist(found.flatten(1), found.flatten(1))
    groups = {tuple((row < 2).nonzero().flatten().tolist()) for row in distances}
    assert len(groups) == 3, "tasks are the same or far apart"
    new = means(ProjectedPrototypes(Layout(5, 400, 1)).sample(24, seeded())).flatten(1)
    assert float((torch.cdist(new, new) + 99 * torch.eye(24)).min()) > 2


def test_tasks_differ_by_a_linear_map_and_the_order_of_labels() -> None:
    projected = ProjectedPrototypes(Layout(5, 400, 1), noise=0.1, distinct=1)
    found = means(projected.sample(1, seeded()))[0]
    maps_PDD, labels_PN = projected._kept
    expected = projected._prototypes_ND @ maps_PDD[0].T / math.sqrt(1.01)
    assert torch.allclose(found[labels_PN[0]], expected, atol=0.05)


def test_without_the_support_labels_are_at_chance_and_with_it_they_are_known() -> None:
    """Which label a class has is decided by the permutation alone."""
    tasks = ProjectedPrototypes(Layout(5, 5, 5), noise=0.3).sample(2000, seeded())
    assert tasks.query_y[:, 0].bincount(minlength=5).div(2000).tolist() == pytest.approx([0.2] * 5, abs=0.04)
    centres = torch.stack(
        [(tasks.support_x.flatten(2) * (tasks.support_y == n)[..., None]).sum(dim=1) / 5 for n in range(5)], dim=1
    )
    nearest = torch.cdist(tasks.query_x.flatten(2), centres).argmin(dim=-1)
    assert float((nearest == tasks.query_y).float().mean()) > 0.95


def test_another_device_makes_the_same_tasks() -> None:
    projected = ProjectedPrototypes(distinct=2, side=3, noise=0.2, seed=4)
    moved = projected.to("cpu").sample(2, seeded())
    assert all(torch.equal(a, b) for a, b in zip(projected.sample(2, seeded()), moved, strict=True))


@pytest.mark.parametrize(
    ("layout", "options", "complaint"),
    [
        (Layout((2, 5)), {}, "ways"),
        (Layout(1), {}, "ways"),
        (Layout(2, ShotsOfEach((1, 2))), {}, "shots"),
        (Layout(2, UnevenShots(1, 2)), {}, "shots"),
        (Layout(shuffled_labels=True), {}, "shuffled"),
        (Layout(2, 0), {}, "shots = 0"),
        (Layout(2, (3, 1)), {}, "shots"),
        (Layout(), {"side": 0}, "side = 0"),
        (Layout(), {"noise": math.nan}, "noise = nan"),
        (Layout(), {"distinct": 0}, "distinct = 0"),
        (Layout(), {"distinct": MOST_DISTINCT + 1}, "distinct"),
    ],
)
def test_what_cannot_be_made_is_refused(layout: Layout, options: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        ProjectedPrototypes(layout, **options)
