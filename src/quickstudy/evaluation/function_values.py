"""How well values are predicted: how likely the true ones were, the error of the mean, the coverage of intervals.

Where the tasks know their oracle, its likelihood stands beside the learner's: a difference that no luck of the draw
is in, as both answer the same queries.

Letters: T tasks, Q queries, Y numbers of a value, L levels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from quickstudy.core import KnowsAnswers, Learner, Oracle, TaskDistribution, Tasks, UserError
from quickstudy.evaluation.answering import TASKS_AT_ONCE, Batches, answered, asking, first, generator_of
from quickstudy.evaluation.intervals import Interval
from quickstudy.evaluation.quantiles import cumulative

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of the probability in the central intervals whose coverage is counted."""
_NEXT_TO_NOTHING = 0.05  # Nats a query.


@dataclass(frozen=True, eq=False)
class FunctionEvaluation:
    """How well a learner predicts the values of functions it has never seen."""

    log_likelihood: Interval
    """Nats a query: the mean over a task's queries, then over tasks."""
    squared_error: Interval
    """Of the predicted mean, over the numbers of a value."""
    coverage: tuple[Interval, ...] | None
    """The share of values in the central interval of each of `LEVELS`; none where a prediction has no quantiles."""
    oracle: Interval | None
    """The log-likelihood of the exact posterior, where the tasks know it."""
    prior: Interval | None
    """That of one who knows the kind of the tasks and sees no support."""
    tasks: int
    """Number of tasks."""
    log_likelihoods: Tensor
    """(T,): one a task, in the order drawn, so that two learners can be compared task by task."""

    @property
    def closed(self) -> float | None:
        """The share of the gap between prior and oracle that the learner closes: 1 is as good as the oracle.

        None where there is hardly a gap, such as for a function without support.
        """
        if self.oracle is None or self.prior is None or self.oracle.mean - self.prior.mean < _NEXT_TO_NOTHING:
            return None
        return (self.log_likelihood.mean - self.prior.mean) / (self.oracle.mean - self.prior.mean)

    @property
    def coverage90(self) -> Interval | None:
        """What share of the values lies in the central 90 %."""
        return None if self.coverage is None else self.coverage[LEVELS.index(0.9)]


def evaluate_functions(
    learner: Learner,
    tasks: TaskDistribution,
    num_tasks: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> FunctionEvaluation:
    """Evaluate a learner of functions.

    Tasks and queries are predicted in parts that fit in memory. The learner is in eval mode during the evaluation.

    Args:
        learner: The learner.
        tasks: Tasks, of any size.
        num_tasks: How many tasks.
        seed: Decides the tasks.
        progress: Called with the number of tasks that are done.

    Raises:
        UserError: if there is no task or no such seed, or the prediction is not of the queries' values.
    """
    generator = generator_of(tasks, num_tasks, seed)
    noted: dict[str, list[Tensor]] = {}
    batches = Batches(tasks)
    with asking(learner):
        for start in range(0, num_tasks, TASKS_AT_ONCE):
            drawn, oracle = _sample(tasks, generator)
            counted = first(drawn, num_tasks - start)
            batches.add(counted, start)
            known = {} if oracle is None else _known(oracle, drawn)
            for name, values_TQ in (known | answered(learner, counted, _figures)).items():
                of_task_T = values_TQ[: len(counted.query_y)].double().flatten(1).mean(dim=1)
                noted.setdefault(name, []).append(of_task_T.cpu())
            if progress is not None:
                progress(min(start + TASKS_AT_ONCE, num_tasks))
    each_T = {name: torch.cat(parts) for name, parts in noted.items()}
    intervals = {name: Interval.over(values_T, batches.index()) for name, values_T in each_T.items()}
    coverage = tuple(intervals[str(level)] for level in LEVELS if str(level) in intervals)
    return FunctionEvaluation(
        log_likelihood=intervals["log-likelihood"],
        squared_error=intervals["squared error"],
        coverage=coverage or None,
        oracle=intervals.get("oracle"),
        prior=intervals.get("prior"),
        tasks=num_tasks,
        log_likelihoods=each_T["log-likelihood"],
    )


def _sample(tasks: TaskDistribution, generator: torch.Generator) -> tuple[Tasks, Oracle | None]:
    if isinstance(tasks, KnowsAnswers):
        return tasks.sample_with_oracle(TASKS_AT_ONCE, generator)
    return tasks.sample(TASKS_AT_ONCE, generator), None


def _known(oracle: Oracle, drawn: Tasks) -> dict[str, Tensor]:
    return {"oracle": oracle.posterior.log_prob(drawn.query_y), "prior": oracle.prior.log_prob(drawn.query_y)}


def _figures(prediction: Distribution, tasks: Tasks) -> dict[str, Tensor]:
    if isinstance(prediction, Categorical):
        raise UserError("Classes were predicted, but values were to be evaluated. For a classifier, call evaluate.")
    figures = {
        "log-likelihood": prediction.log_prob(tasks.query_y),
        "squared error": (prediction.mean - tasks.query_y).square(),
    }
    below_TQY = cumulative(prediction, tasks.query_y)
    if below_TQY is not None:
        centrality_TQY = (2 * below_TQY - 1).abs()  # 0 in the middle, 1 far out
        figures |= {str(level): centrality_TQY <= level for level in LEVELS}
    return figures
