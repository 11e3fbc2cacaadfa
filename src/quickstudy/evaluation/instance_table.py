"""The table of Santoro et al. (2016): the accuracy at the 1st, 2nd, … drawing of a class in a sequence.

The first is a guess, and right by skill only in so far as labels already used are left out:
`first_instance_ceiling` says how far that goes, and what is above it leaks the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import Learner, TaskDistribution, Tasks, UserError
from quickstudy.evaluation.answering import Batches, asking, first, generator_of, refuse_answers, some_tasks
from quickstudy.evaluation.intervals import Interval

_SEQUENCES_AT_ONCE = 50  # Fixed: how sequences are batched decides which are drawn.


@runtime_checkable
class ReadsSequences(Protocol):
    """A learner that classifies at every step of a sequence."""

    def predict_sequence(self, x: Tensor, y: Tensor) -> Distribution:
        """The prediction for each of (T, L) items, from the items before it and their labels, and no others.

        Args:
            x: Items (T, L, *input).
            y: Labels (T, L) or (T, L, *output).
        """


@dataclass(frozen=True, eq=False)
class InstanceTable:
    """How well a learner names the successive drawings of a class."""

    accuracy: tuple[Interval, ...]
    """Of the 1st, 2nd, … drawing; not a number where no sequence has as many."""
    sequences: int
    """Number of sequences."""
    by_sequence: Tensor
    """(T, I): of each sequence, the mean over its classes; not a number where none comes as often."""
    batches: Tensor | None = None
    """(T,): the number of the batch of each sequence, where sequences of a batch share something that was drawn."""

    @property
    def after_first(self) -> Interval:
        """Over all but the first of each class, whose answer nobody could know."""
        return _over_existing(self.by_sequence[:, 1:].nanmean(dim=1), self.batches)


def evaluate_instances(
    learner: Learner,
    tasks: TaskDistribution,
    num_sequences: int = 1000,
    *,
    num_instances: int = 10,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> InstanceTable:
    """Evaluate a learner at every step of sequences. A task is read as one sequence: its support, then its queries.

    As many sequences at once as fit in memory. The learner is in eval mode during the evaluation.

    Args:
        learner: A learner that reads sequences.
        tasks: Sequences.
        num_sequences: How many sequences.
        num_instances: Up to which drawing of a class accuracies are counted.
        seed: Decides the sequences.
        progress: Called with the number of sequences that are done.

    Raises:
        UserError: if the learner reads no sequences, or there is no sequence or no such seed.
    """
    if not isinstance(learner, ReadsSequences):
        raise UserError(
            f"{type(learner).__name__} has no method predict_sequence(x, y), which the instance table needs at every "
            "step. Use a learner that reads sequences, such as MANN."
        )
    generator = generator_of(tasks, num_sequences, seed, "sequences")
    accuracy: list[Tensor] = []
    batches = Batches(tasks)
    with asking(learner):
        for start in range(0, num_sequences, _SEQUENCES_AT_ONCE):
            counted = first(tasks.sample(_SEQUENCES_AT_ONCE, generator), num_sequences - start)
            batches.add(counted, start)
            accuracy += [_accuracy(learner, part, num_instances) for part in some_tasks(learner, counted)]
            if progress is not None:
                progress(min(start + _SEQUENCES_AT_ONCE, num_sequences))
    accuracy_TI, batch_T = torch.cat(accuracy), batches.index()
    intervals = tuple(_over_existing(accuracy_T, batch_T) for accuracy_T in accuracy_TI.unbind(dim=1))
    return InstanceTable(intervals, num_sequences, accuracy_TI, batch_T)


def _accuracy(learner: ReadsSequences, tasks: Tasks, num_instances: int) -> Tensor:
    x, y = as_sequence(tasks)
    prediction = learner.predict_sequence(x, y)
    refuse_answers(prediction, y)
    is_right_TLC = _characters(prediction.mode == y)
    return accuracy_by_instance(is_right_TLC.all(dim=-1), appearances(y), num_instances).cpu()


def as_sequence(tasks: Tasks) -> tuple[Tensor, Tensor]:
    """Support and queries as one sequence: items (T, L, *input) and labels (T, L) or (T, L, *output).

    Args:
        tasks: The tasks.
    """
    return torch.cat([tasks.support_x, tasks.query_x], dim=1), torch.cat([tasks.support_y, tasks.query_y], dim=1)


def appearances(labels: Tensor) -> Tensor:
    """How often each label has occurred in its sequence so far, itself included, (T, L).

    Args:
        labels: Labels (T, L), or strings (T, L, 5).
    """
    label_TLC = _characters(labels)
    is_same_TLL = (label_TLC[:, :, None] == label_TLC[:, None]).all(dim=-1)
    return is_same_TLL.tril().sum(dim=-1)


def accuracy_by_instance(is_right_TL: Tensor, appearance_TL: Tensor, num_instances: int) -> Tensor:
    """Share of right answers at the 1st, 2nd, … appearance in each sequence, (T, I); not a number where there is none.

    Args:
        is_right_TL: Which answers are right.
        appearance_TL: How often each label has occurred, as `appearances` returns it.
        num_instances: Appearances I that are counted.
    """
    which_TLI = appearance_TL[..., None] == torch.arange(1, num_instances + 1, device=appearance_TL.device)
    right_TI = (which_TLI & is_right_TL[..., None]).sum(dim=1, dtype=torch.float64)
    return right_TI / which_TLI.sum(dim=1)


def first_instance_ceiling(num_classes: int, *, labels_are_strings: bool = False) -> float:
    """The best accuracy at the first drawing of a class without a leak: a guess among unused labels, H_C / C.

    Args:
        num_classes: Classes C of a sequence.
        labels_are_strings: Labels are strings of five letters out of five, new in each sequence: a guess among 3,125.
    """
    if labels_are_strings:
        return 1 / 5**5
    return sum(1 / left for left in range(1, num_classes + 1)) / num_classes


def _characters(labels: Tensor) -> Tensor:
    """Labels (T, L) as strings of one character, and strings as they are: (T, L, C)."""
    return labels.reshape(*labels.shape[:2], -1)


def _over_existing(accuracy_T: Tensor, batch_T: Tensor | None) -> Interval:
    exists_T = ~accuracy_T.isnan()
    return Interval.over(accuracy_T[exists_T], None if batch_T is None else batch_T[exists_T])
