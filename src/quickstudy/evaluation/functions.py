"""How well values are predicted: how likely the true ones were, how far off the mean, how honest the intervals.

Where the tasks know their oracle, its likelihood stands beside the learner's: a difference that no luck of the draw
is in, as both answer the same queries.

Letters: T tasks, Q queries, Y numbers of a value, L levels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import KnowsAnswers, Learner, Oracle, TaskDistribution, Tasks, UserError, unchecked_distributions
from quickstudy.evaluation.evaluate import Interval
from quickstudy.evaluation.quantiles import cumulative

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of the probability in the central intervals whose coverage is counted."""
_NEXT_TO_NOTHING = 0.05  # Nats a query.
_TASKS_AT_ONCE = 10  # Fixed: how tasks are batched decides which are drawn.


@dataclass(frozen=True, eq=False)
class FunctionEvaluation:
    """How well a learner predicts the values of functions it has never seen."""

    log_likelihood: Interval
    """Nats a query."""
    squared_error: Interval
    """Of the predicted mean, over the numbers of a value."""
    coverage: tuple[Interval, ...] | None
    """The share of values in the central interval of each of `LEVELS`; none where a prediction has no quantiles."""
    oracle: Interval | None
    """The log-likelihood of the exact posterior, where the tasks know it."""
    prior: Interval | None
    """That of one who knows the kind of the tasks and sees no support."""
    tasks: int
    log_likelihoods: Tensor
    """(T,): one a task, in the order drawn, so that two learners can be compared task by task."""

    @property
    def closed(self) -> float | None:
        """The share of the way from prior to oracle that the learner has come: 1 is all there is to be known.

        None where next to nothing is to be known, such as of a function without support.
        """
        if self.oracle is None or self.prior is None or self.oracle.mean - self.prior.mean < _NEXT_TO_NOTHING:
            return None
        return (self.log_likelihood.mean - self.prior.mean) / (self.oracle.mean - self.prior.mean)

    @property
    def coverage90(self) -> Interval | None:
        """What share of the values lies in the central 90 %."""
        return None if self.coverage is None else self.coverage[LEVELS.index(0.9)]


class _Answers:
    """What was said of the tasks so far, one number a task each."""

    def __init__(self) -> None:
        self.figures: dict[str, list[Tensor]] = {}

    def note(self, name: str, values_TX: Tensor) -> None:
        self.figures.setdefault(name, []).append(values_TX.double().flatten(1).mean(dim=1).cpu())

    def interval(self, name: str, num_tasks: int) -> Interval | None:
        return Interval.over(self.each(name, num_tasks)) if name in self.figures else None

    def each(self, name: str, num_tasks: int) -> Tensor:
        return torch.cat(self.figures[name])[:num_tasks]


def evaluate_functions(
    learner: Learner,
    tasks: TaskDistribution,
    num_tasks: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> FunctionEvaluation:
    """Evaluate a learner of functions on `num_tasks` tasks; the seed alone decides which.

    `progress` is called with the number of tasks done. The learner is in eval mode meanwhile.
    """
    if num_tasks < 1:
        raise UserError(f"{num_tasks} tasks were asked for, but an evaluation needs at least one.")
    generator = torch.Generator(tasks.device).manual_seed(seed)
    weight = next(learner.parameters(), torch.empty(0, device=tasks.device))
    modes = {module: module.training for module in learner.modules()}
    learner.eval()
    answers = _Answers()
    try:
        with torch.no_grad(), unchecked_distributions():
            for start in range(0, num_tasks, _TASKS_AT_ONCE):
                drawn, oracle = _sample(tasks, generator)
                if oracle is not None:
                    answers.note("oracle", oracle.posterior.log_prob(drawn.query_y))
                    answers.note("prior", oracle.prior.log_prob(drawn.query_y))
                batch = drawn.to(weight.device, weight.dtype)
                _note(answers, learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x), batch)
                if progress is not None:
                    progress(min(start + _TASKS_AT_ONCE, num_tasks))
    finally:
        for module, was_training in modes.items():
            module.training = was_training
    coverage = [answers.interval(str(level), num_tasks) for level in LEVELS]
    log_likelihoods = answers.each("log-likelihood", num_tasks)
    return FunctionEvaluation(
        log_likelihood=Interval.over(log_likelihoods),
        squared_error=Interval.over(answers.each("squared error", num_tasks)),
        coverage=None if coverage[0] is None else tuple(level for level in coverage if level is not None),
        oracle=answers.interval("oracle", num_tasks),
        prior=answers.interval("prior", num_tasks),
        tasks=num_tasks,
        log_likelihoods=log_likelihoods,
    )


def _sample(tasks: TaskDistribution, generator: torch.Generator) -> tuple[Tasks, Oracle | None]:
    if isinstance(tasks, KnowsAnswers):
        return tasks.sample_with_oracle(_TASKS_AT_ONCE, generator)
    return tasks.sample(_TASKS_AT_ONCE, generator), None


def _note(answers: _Answers, prediction: Distribution, tasks: Tasks) -> None:
    answers.note("log-likelihood", prediction.log_prob(tasks.query_y))
    answers.note("squared error", (prediction.mean - tasks.query_y).square())
    below_TQY = cumulative(prediction, tasks.query_y)
    if below_TQY is not None:
        centrality_TQY = (2 * below_TQY - 1).abs()  # 0 in the middle, 1 far out
        for level in LEVELS:
            answers.note(str(level), centrality_TQY <= level)
