"""Classes of many shapes, made without data."""

import pytest
import torch

from quickstudy.learners import StandardisedMeans
from quickstudy.tasks import ShapedClasses, ShapesLayout


@pytest.mark.parametrize("functions", [0.0, 1.0])
def test_tasks_have_the_layout(functions: float) -> None:
    layout = ShapesLayout(ways=(3, 3), shots=(2, 2), queries=12, features=(6, 6), uneven=0.0, functions=functions)
    for seed in range(10):
        tasks = ShapedClasses(layout).sample(5, torch.Generator().manual_seed(seed))
        assert tasks.support_x.shape == (5, 6, 6)
        assert tasks.query_x.shape == (5, 12, 6)
        assert tasks.support_y[0].tolist() == [0, 0, 1, 1, 2, 2]
        assert tasks.query_y[0].bincount().tolist() == [4, 4, 4]
        assert tasks.support_x.isfinite().all()


def test_the_generator_decides_the_tasks() -> None:
    one, same, other = (ShapedClasses().sample(3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.query_x, same.query_x)
    assert one.query_x.shape != other.query_x.shape or not torch.equal(one.query_x, other.query_x)


def test_classes_may_differ_in_their_numbers_of_examples() -> None:
    layout = ShapesLayout(ways=(4, 4), shots=(10, 10), uneven=1.0)
    counts = ShapedClasses(layout).sample(2, torch.Generator().manual_seed(0)).support_y[0].bincount()
    assert counts.min() >= 1
    assert counts.max() <= 10
    assert len(set(counts.tolist())) > 1


@pytest.mark.parametrize(("functions", "best", "mean"), [(0.0, 0.9, 0.45), (1.0, 0.6, 0.36)])
def test_classes_can_be_told_apart_but_not_always(functions: float, best: float, mean: float) -> None:
    layout = ShapesLayout(ways=(3, 3), shots=(20, 20), functions=functions)
    learner, generator, right = StandardisedMeans(), torch.Generator().manual_seed(0), []
    for _ in range(20):
        tasks = ShapedClasses(layout).sample(8, generator)
        found = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x).probs.argmax(-1)
        right.append((found == tasks.query_y).float().mean(dim=1))
    accuracy = torch.cat(right)
    assert accuracy.max() > best
    assert accuracy.min() < 0.6
    assert accuracy.mean() > mean
