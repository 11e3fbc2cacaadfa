"""Classes that are clusters of features, made without data."""

import pytest
import torch

from quickstudy.learners import StandardisedMeans
from quickstudy.tasks import ClassClusters, ClusterLayout


def test_tasks_have_the_layout() -> None:
    layout = ClusterLayout(ways=(3, 3), shots=(2, 2), queries=4, features=(6, 6))
    tasks = ClassClusters(layout).sample(5, torch.Generator().manual_seed(0))
    assert tasks.support_x.shape == (5, 6, 6)
    assert tasks.query_x.shape == (5, 12, 6)
    assert tasks.support_y[0].tolist() == [0, 0, 1, 1, 2, 2]
    assert tasks.query_y[0].bincount().tolist() == [4, 4, 4]


def test_the_generator_decides_the_tasks() -> None:
    drawn = [ClassClusters().sample(3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0].query_x, drawn[1].query_x)
    assert drawn[0].query_x.shape != drawn[2].query_x.shape or not torch.equal(drawn[0].query_x, drawn[2].query_x)


@pytest.mark.parametrize("bounds", ["ways", "shots", "features"])
def test_numbers_stay_within_their_bounds(bounds: str) -> None:
    generator = torch.Generator().manual_seed(0)
    clusters = ClassClusters(ClusterLayout(ways=(2, 4), shots=(1, 3), features=(2, 5)))
    seen = set()
    for _ in range(40):
        tasks = clusters.sample(1, generator)
        ways = int(tasks.support_y.max()) + 1
        counts = {"ways": ways, "shots": tasks.support_y.shape[1] // ways, "features": tasks.support_x.shape[2]}
        seen.add(counts[bounds])
    assert seen == {"ways": {2, 3, 4}, "shots": {1, 2, 3}, "features": {2, 3, 4, 5}}[bounds]


def test_classes_can_be_told_apart_but_not_always() -> None:
    layout = ClusterLayout(ways=(5, 5), shots=(5, 5), features=(16, 16))
    tasks = ClassClusters(layout).sample(60, torch.Generator().manual_seed(0))
    learner = StandardisedMeans()
    found = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x).probs.argmax(-1)
    accuracy_T = (found == tasks.query_y).float().mean(dim=1)
    assert accuracy_T.isfinite().all()
    assert accuracy_T.min() < 0.5
    assert accuracy_T.max() == 1
