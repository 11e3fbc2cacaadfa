"""With one task a transformer memorises; with a new task each time it learns from the support."""

import pytest
import torch

from quickstudy.core import Learner, Tasks, UserError, unchecked_distributions
from quickstudy.recipes import build
from quickstudy.tasks import Layout, ProjectedPrototypes

SMALL = {"ways": 3, "side": 3, "noise": 0.2, "channels": 32, "blocks": 2, "hidden": 32, "shots": 3}


def trained(distinct: int | None, steps: int) -> tuple[Learner, dict[str, ProjectedPrototypes]]:
    experiment = build("projections-transformer", {**SMALL, "distinct": distinct})
    learner, source = experiment.learner, experiment.train(None)
    optimiser = torch.optim.Adam(learner.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    with unchecked_distributions():
        for _ in range(steps):
            optimiser.zero_grad()
            learner(source.sample(64, generator)).backward()
            optimiser.step()
    return learner.eval(), {title: tasks(None) for title, tasks in experiment.test.items()}  # type: ignore[misc]


def drawn(tasks: ProjectedPrototypes) -> Tasks:
    return tasks.sample(300, torch.Generator().manual_seed(1))


@torch.no_grad()
def accuracy(learner: Learner, tasks: Tasks) -> float:
    prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    return float((prediction.logits.argmax(dim=-1) == tasks.query_y).float().mean())


def test_with_one_task_it_is_memorised_and_new_tasks_are_at_chance() -> None:
    learner, tests = trained(distinct=1, steps=60)
    assert accuracy(learner, drawn(tests["tasks of the training"])) > 0.9
    assert accuracy(learner, drawn(tests["new tasks"])) < 0.45


def test_with_a_new_task_each_time_new_tasks_are_solved_and_random_labels_give_chance() -> None:
    learner, tests = trained(distinct=None, steps=250)
    assert list(tests) == ["new tasks"]
    tasks = drawn(tests["new tasks"])
    assert accuracy(learner, tasks) > 0.7
    shuffled = torch.rand(tasks.support_y.shape, generator=torch.Generator().manual_seed(2)).argsort(dim=1) % 3
    assert accuracy(learner, tasks._replace(support_y=shuffled)) == pytest.approx(1 / 3, abs=0.07)


def test_channels_that_the_heads_do_not_divide_are_refused() -> None:
    with pytest.raises(UserError, match="channels = 30"):
        build("projections-transformer", {"channels": 30})


def test_labels_of_a_task_stay_what_they_are_in_training() -> None:
    learner = build("projections-transformer", SMALL).learner.train()
    tasks = ProjectedPrototypes(Layout(3, 2, 1), side=3).sample(8, torch.Generator().manual_seed(0))
    losses = {learner(tasks).item() for _ in range(4)}
    assert len(losses) == 1
    learner.relabels = True
    assert len({learner(tasks).item() for _ in range(4)}) > 1
