"""Of many evaluations, 95 in 100 have an interval that holds the true mean, whatever the tasks of a batch share."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Categorical, Normal

from quickstudy.core import Learner, Tasks
from quickstudy.core.distributions import independent
from quickstudy.evaluation import evaluate, evaluate_functions

REPETITIONS, TASKS = 400, 60


class _State(NamedTuple):
    num_support: Tensor


class _Guess(Learner):
    """Predicts a normal around zero, or class 0 with the same probability for all tasks."""

    def __init__(self, *, of_classes: bool = False) -> None:
        super().__init__()
        self.of_classes = of_classes

    def adapt(self, support_x: Tensor, support_y: Tensor) -> _State:
        return _State(torch.full((len(support_x),), support_x.shape[1]))

    def predict(self, state: _State, query_x: Tensor):
        zeros = query_x.new_zeros(*query_x.shape[:2], 1)
        if self.of_classes:
            return Categorical(probs=(zeros + torch.tensor([0.6, 0.4])))
        return independent(Normal(zeros, zeros + 1))


class _Noise:
    """Values whose spread depends on how many points are given, a number that all tasks of a batch share."""

    device = torch.device("cpu")

    def __init__(self, support: tuple[int, int], *, of_classes: bool = False) -> None:
        self.support, self.of_classes = support, of_classes

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        count = int(torch.randint(self.support[0], self.support[1] + 1, (), generator=generator))
        shape = (num_tasks, 4, 1)
        given = torch.zeros(num_tasks, count, 1)
        if self.of_classes:
            query_y = (torch.rand(shape[:2], generator=generator) < count / 10).long()
            labels = torch.arange(count).remainder(2).expand(num_tasks, count)
            return Tasks(given, labels, torch.zeros(shape), query_y)
        query_y = torch.randn(shape, generator=generator) * count**0.5
        return Tasks(given, given, torch.zeros(shape), query_y)

    def to(self, device: object) -> "_Noise":
        return self


def test_intervals_of_functions_hold_the_true_mean_where_the_number_of_points_is_drawn() -> None:
    learner, tasks = _Guess(), _Noise((1, 9))
    found = [evaluate_functions(learner, tasks, TASKS, seed).squared_error for seed in range(REPETITIONS)]
    held = sum(abs(each.mean - 5) <= each.interval95 for each in found) / REPETITIONS
    assert 0.90 <= held <= 0.98


def test_intervals_of_accuracy_hold_the_true_mean_where_the_number_of_shots_is_drawn() -> None:
    learner, tasks = _Guess(of_classes=True), _Noise((2, 8), of_classes=True)
    found = [evaluate(learner, tasks, TASKS, seed).accuracy for seed in range(REPETITIONS)]
    held = sum(abs(each.mean - 0.5) <= each.interval95 for each in found) / REPETITIONS
    assert 0.90 <= held <= 0.98
