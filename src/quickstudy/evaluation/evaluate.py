"""Honest evaluation: a mean and its 95 % interval over tasks, the same tasks for every learner."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from quickstudy.core import Learner, TaskDistribution, UserError, unchecked_distributions
from quickstudy.evaluation.calibration import expected_calibration_error

_TASKS_AT_ONCE = 10  # Fixed: how tasks are batched decides which are drawn.


@dataclass(frozen=True)
class Interval:
    """A mean over tasks and the half-width of its 95 % interval, 1.96 standard errors."""

    mean: float
    interval95: float

    @classmethod
    def over(cls, values_T: Tensor) -> "Interval":
        """Of one value a task; a single task says nothing about the spread, so its interval is infinite."""
        count = len(values_T)
        spread = float(values_T.double().std()) / math.sqrt(count) if count > 1 else math.inf
        return cls(float(values_T.double().mean()), 1.96 * spread)

    def __str__(self) -> str:
        return f"{100 * self.mean:.2f} ± {100 * self.interval95:.2f} %"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a learner classifies the queries of tasks it has never seen."""

    accuracy: Interval
    negative_log_likelihood: float
    """Nats a query."""
    calibration_error: float
    """Expected calibration error, 15 bins."""
    tasks: int
    accuracies: Tensor
    """(T,): one a task, in the order drawn, so that two learners can be compared task by task."""

    def minus(self, other: "Evaluation") -> Interval:
        """By how much this is better than another evaluation of the same tasks, paired task by task."""
        if self.tasks != other.tasks:
            raise UserError(f"{self.tasks} and {other.tasks} tasks cannot be paired. Evaluate both on the same tasks.")
        return Interval.over(self.accuracies - other.accuracies)


def evaluate(
    learner: Learner,
    tasks: TaskDistribution,
    num_tasks: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Evaluate a classifier on `num_tasks` tasks; the seed alone decides which.

    `progress` is called with the number of tasks done. The learner is in eval mode meanwhile.
    """
    if num_tasks < 1:
        raise UserError(f"{num_tasks} tasks were asked for, but an evaluation needs at least one.")
    generator = torch.Generator(tasks.device).manual_seed(seed)
    weight = next(learner.parameters(), torch.empty(0, device=tasks.device))
    modes = {module: module.training for module in learner.modules()}
    learner.eval()
    correct: list[Tensor] = []
    confidence: list[Tensor] = []
    log_likelihood: list[Tensor] = []
    try:
        with torch.no_grad(), unchecked_distributions():
            for start in range(0, num_tasks, _TASKS_AT_ONCE):
                batch = tasks.sample(_TASKS_AT_ONCE, generator).to(weight.device, weight.dtype)
                prediction = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
                highest_TQ, answer_TQ = prediction.probs.max(dim=-1)  # type: ignore[attr-defined]
                correct.append((answer_TQ == batch.query_y).cpu())
                confidence.append(highest_TQ.cpu())
                log_likelihood.append(prediction.log_prob(batch.query_y).cpu())
                if progress is not None:
                    progress(min(start + _TASKS_AT_ONCE, num_tasks))
    finally:
        for module, was_training in modes.items():
            module.training = was_training
    is_correct_TQ = torch.cat(correct)[:num_tasks]
    accuracy_T = is_correct_TQ.double().mean(dim=1)
    return Evaluation(
        accuracy=Interval.over(accuracy_T),
        negative_log_likelihood=-float(torch.cat(log_likelihood)[:num_tasks].double().mean()),
        calibration_error=expected_calibration_error(
            torch.cat(confidence)[:num_tasks].flatten(), is_correct_TQ.flatten()
        ),
        tasks=num_tasks,
        accuracies=accuracy_T,
    )
