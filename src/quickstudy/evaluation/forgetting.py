"""What a learner still knows of earlier tasks while it goes on learning: accuracy on all stages after each stage.

Letters: T sequences, K stages, Q queries of a stage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from quickstudy.core import Tasks, UserError
from quickstudy.evaluation.intervals import Interval

_AT_ONCE = 10
"""Sequences that are predicted together. It decides which sequences are drawn, as the size of a batch always does."""


class Continues(Protocol):
    """What goes on learning: every `OnlineLearner`, and anything with the same three methods."""

    def prior(self, num_tasks: int) -> Any:
        """The state before any example was read.

        Args:
            num_tasks: T, the tasks of the state.
        """

    def extend(self, state: Any, support_x: Tensor, support_y: Tensor) -> Any:
        """The state after reading further examples.

        Args:
            state: the state so far, of T tasks.
            support_x: inputs (T, S, *input).
            support_y: class indices (T, S).
        """

    def predict(self, state: Any, query_x: Tensor) -> Distribution:
        """A distribution over (T, Q) classes.

        Args:
            state: the state, of T tasks.
            query_x: inputs (T, Q, *input).
        """


class DrawsSequences(Protocol):
    """What draws sequences of stages, such as `quickstudy.tasks.TaskSequences`."""

    @property
    def device(self) -> torch.device:
        """The device of the generator."""

    def sample(self, num_tasks: int, generator: torch.Generator) -> Sequence[Tasks]:
        """Draw T sequences: for each stage a batch of T tasks.

        Args:
            num_tasks: T, the sequences to draw.
            generator: the source of random numbers.
        """


@dataclass(frozen=True, eq=False)
class Forgetting:
    """How accurate a learner is on each stage, after each stage."""

    accuracies: Tensor
    """(T, K, K): of each sequence, after reading stage i, the share of stage j's queries that is right. It is not a
    number where j is later than i, because those labels are not known yet."""

    @property
    def matrix(self) -> list[list[Interval]]:
        """Row i: after stage i, the accuracy on stages 0 to i, over sequences. This is the forgetting matrix."""
        return [[Interval.over(self.accuracies[:, i, j]) for j in range(i + 1)] for i in range(self.num_stages)]

    @property
    def num_stages(self) -> int:
        """K."""
        return self.accuracies.shape[1]

    @property
    def so_far(self) -> list[Interval]:
        """After each stage, the accuracy on all stages so far."""
        return [Interval.over(self.accuracies[:, i, : i + 1].mean(dim=1)) for i in range(self.num_stages)]

    @property
    def when_new(self) -> list[Interval]:
        """The accuracy on each stage just after it was read."""
        return [Interval.over(self.accuracies[:, i, i]) for i in range(self.num_stages)]

    @property
    def forgotten(self) -> Interval:
        """How much lower the accuracy on earlier stages is at the end than just after they were read.

        It is the mean over all stages but the last, and not a number for a single stage.
        """
        if self.num_stages == 1:
            return Interval.over(self.accuracies.new_empty(0))
        new_TK = self.accuracies.diagonal(dim1=1, dim2=2)[:, :-1]
        return Interval.over((new_TK - self.accuracies[:, -1, :-1]).mean(dim=1))

    def record(self) -> dict[str, Any]:
        """The same figures for JSON."""
        return {
            "matrix": [[found.record() for found in row] for row in self.matrix],
            "so_far": [found.record() for found in self.so_far],
            "when_new": [found.record() for found in self.when_new],
            "forgotten": self.forgotten.record(),
        }


def measure_forgetting(
    learner: Continues,
    sequences: DrawsSequences,
    num_sequences: int = 100,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Forgetting:
    """Let a learner read the stages of sequences one after another, and examine it on all stages so far after each.

    No gradients are kept. A module should be in eval mode.

    Args:
        learner: the learner, or anything that goes on learning.
        sequences: the source of sequences.
        num_sequences: how many sequences.
        seed: decides the sequences.
        progress: called with the number of sequences that are done.

    Raises:
        UserError: if there is no sequence, or the prediction is not of classes.
    """
    if num_sequences < 1:
        raise UserError(f"num_sequences is {num_sequences}, but 1 or more was expected.")
    generator = torch.Generator(sequences.device).manual_seed(seed)
    found: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, num_sequences, _AT_ONCE):
            count = min(_AT_ONCE, num_sequences - start)
            found.append(_examined(learner, sequences.sample(count, generator)))
            if progress is not None:
                progress(start + count)
    return Forgetting(torch.cat(found))


def _examined(learner: Continues, stages: Sequence[Tasks]) -> Tensor:
    """The accuracies (T, K, K) of one batch of sequences."""
    num_tasks, num_stages = len(stages[0].support_y), len(stages)
    accuracies = torch.full((num_tasks, num_stages, num_stages), torch.nan, dtype=torch.float64)
    state = learner.prior(num_tasks)
    for i, stage in enumerate(stages):
        state = learner.extend(state, stage.support_x, stage.support_y)
        for j, earlier in enumerate(stages[: i + 1]):
            prediction = learner.predict(state, earlier.query_x)
            if not isinstance(prediction, Categorical):
                raise UserError(f"A {type(prediction).__name__} was predicted, but classes were to be examined.")
            is_right_TQ = prediction.logits.argmax(dim=-1) == earlier.query_y
            accuracies[:, i, j] = is_right_TQ.double().mean(dim=1).cpu()
    return accuracies
