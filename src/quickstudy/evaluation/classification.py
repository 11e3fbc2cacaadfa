"""Evaluation of classifiers: a mean and its 95 % interval over tasks, the same tasks for every learner."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from quickstudy.core import Learner, TaskDistribution, Tasks, UserError
from quickstudy.evaluation.answering import TASKS_AT_ONCE, Batches, answered, asking, drawn, generator_of
from quickstudy.evaluation.calibration import expected_calibration_error
from quickstudy.evaluation.encoding_once import encoding_once
from quickstudy.evaluation.intervals import Interval


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a learner classifies the queries of tasks it has never seen."""

    accuracy: Interval
    """Of the share of a task's queries that are classified correctly: every task counts the same."""
    negative_log_likelihood: float
    """Nats a query: the mean over all queries, so a task of more queries counts for more."""
    calibration_error: float
    """Expected calibration error, 15 bins, over all queries likewise."""
    tasks: int
    """Number of tasks."""
    accuracies: Tensor
    """(T,): one a task, in the order drawn, so that two learners can be compared task by task."""
    by_shots: Mapping[int, Interval]
    """Accuracy on the queries of classes with as many support examples, where classes differ in that."""
    batches: Tensor | None = None
    """(T,): the number of the batch of each task, where tasks of a batch share something that was drawn."""

    def minus(self, other: "Evaluation") -> Interval:
        """How much better this is than another evaluation of the same tasks: the difference of accuracies, paired by
        task.

        Args:
            other: The other evaluation.

        Raises:
            UserError: if the numbers of tasks differ.
        """
        if self.tasks != other.tasks:
            raise UserError(f"{self.tasks} and {other.tasks} tasks cannot be paired. Evaluate both on the same tasks.")
        return Interval.over(self.accuracies - other.accuracies, self.batches)


def evaluate(
    learner: Learner,
    tasks: TaskDistribution,
    num_tasks: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Evaluate a classifier.

    Tasks and queries are predicted in parts that fit in memory, and each image is encoded once. The learner is in eval
    mode during the evaluation.

    Args:
        learner: The learner.
        tasks: Tasks, of any size.
        num_tasks: How many tasks.
        seed: Decides the tasks.
        progress: Called with the number of tasks that are done.

    Raises:
        UserError: if there is no task or no such seed, or the prediction is not of the classes of the queries.
    """
    generator = generator_of(tasks, num_tasks, seed)
    noted: list[dict[str, Tensor]] = []
    batches = Batches(tasks)
    with asking(learner), encoding_once(learner):
        for start in range(0, num_tasks, TASKS_AT_ONCE):
            for part in drawn(tasks, num_tasks - start, generator):
                batches.add(part, start)
                noted.append(answered(learner, part, _figures))
            if progress is not None:
                progress(min(start + TASKS_AT_ONCE, num_tasks))
    # Tasks of different batches may differ in size, so they are joined flat, or as one number each.
    accuracy_T = torch.cat([each["is correct"].double().mean(dim=1) for each in noted])
    confidence_B, is_correct_B, log_likelihood_B = (
        torch.cat([each[name].flatten() for each in noted]) for name in ("confidence", "is correct", "log-likelihood")
    )
    batch_T = batches.index()
    return Evaluation(
        accuracy=Interval.over(accuracy_T, batch_T),
        negative_log_likelihood=-float(log_likelihood_B.double().mean()),
        calibration_error=expected_calibration_error(confidence_B, is_correct_B),
        tasks=num_tasks,
        accuracies=accuracy_T,
        by_shots=_by_shots(noted, batch_T),
        batches=batch_T,
    )


def _by_shots(noted: Sequence[dict[str, Tensor]], batch_T: Tensor | None) -> dict[int, Interval]:
    """Over the tasks that have a class with as many shots; empty if all classes of all tasks have the same number."""
    numbers = torch.cat([each["shots"].flatten() for each in noted]).unique().tolist()
    if len(numbers) < 2:
        return {}
    found = {}
    for number in numbers:
        shares, has = [], []
        for each in noted:
            counts_TQ = each["shots"] == number
            has_any_T = counts_TQ.any(dim=1)
            rights_T = (each["is correct"] & counts_TQ).sum(dim=1)[has_any_T].double()
            shares.append(rights_T / counts_TQ.sum(dim=1)[has_any_T])
            has.append(has_any_T)
        found[number] = Interval.over(torch.cat(shares), None if batch_T is None else batch_T[torch.cat(has)])
    return found


def _figures(prediction: Distribution, tasks: Tasks) -> dict[str, Tensor]:
    if not isinstance(prediction, Categorical):
        raise UserError(
            f"A {type(prediction).__name__} was predicted, but classes were to be evaluated. "
            "For a learner of values, call evaluate_functions."
        )
    least, most, num_classes = int(tasks.query_y.min()), int(tasks.query_y.max()), prediction.probs.shape[-1]
    if least < 0 or most >= num_classes:
        raise UserError(
            f"query_y holds label {least if least < 0 else most}, but classes 0 to {num_classes - 1} were "
            "predicted. Ask only for classes that the support has."
        )
    highest_TQ, answer_TQ = prediction.probs.max(dim=-1)
    return {
        "is correct": answer_TQ == tasks.query_y,
        "shots": _shots(tasks, num_classes),
        "confidence": highest_TQ,
        "log-likelihood": prediction.log_prob(tasks.query_y),
    }


def _shots(tasks: Tasks, num_classes: int) -> Tensor:
    """How many support examples the class of each query has, (T, Q)."""
    labels_TS = tasks.support_y.long()
    none_TN = labels_TS.new_zeros(len(labels_TS), num_classes)
    return none_TN.scatter_add(1, labels_TS, torch.ones_like(labels_TS)).gather(1, tasks.query_y.long())
