"""An evaluation that embeds each image of a data set once, where tasks would have it embedded many times.

Letters: C classes, E examples of each, B images.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from quickstudy.core import Learner, TaskDistribution

_IMAGES_AT_ONCE = 500


@runtime_checkable
class FixedExamples(Protocol):
    """Tasks whose inputs are taken from a fixed set, unchanged."""

    num_inputs: int
    """Inputs in the set."""
    inputs_of_task: int
    """Inputs in the support and the queries of the largest task."""

    def mapped(self, change: Callable[[Tensor], Tensor], at_once: int) -> Self | None:
        """The same tasks, with another tensor in place of each input; None if inputs are changed at random.

        Args:
            change: Gives (B, *output) for inputs (B, *input).
            at_once: Largest B.
        """


@contextmanager
def embedded_once(learner: Learner, tasks: TaskDistribution, num_tasks: int) -> Iterator[TaskDistribution]:
    """Within it, the learner reads embeddings, and the tasks are of embeddings, if this saves arithmetic.

    Predictions are the same up to rounding. The learner must be in eval mode.

    Args:
        learner: The learner.
        tasks: Tasks to evaluate on.
        num_tasks: How many of them.
    """
    embeddings = _embeddings(learner, tasks, num_tasks)
    if embeddings is None:
        yield tasks
        return
    part: Any = learner
    encoder, input_range = part.encoder, learner.input_range
    part.encoder, part.input_range = nn.Identity(), None
    try:
        yield embeddings
    finally:
        part.encoder, part.input_range = encoder, input_range


def _embeddings(learner: Learner, tasks: TaskDistribution, num_tasks: int) -> TaskDistribution | None:
    if not learner.reads_through_encoder or not isinstance(tasks, FixedExamples):
        return None
    if num_tasks * tasks.inputs_of_task <= tasks.num_inputs:
        return None
    encoder: Any = learner.encoder
    weight = next(encoder.parameters(), torch.zeros(0))

    def embedded(images: Tensor) -> Tensor:
        features: Tensor = encoder(images.to(weight.device, weight.dtype)[None])[0]
        return features.to(tasks.device)

    return tasks.mapped(embedded, _IMAGES_AT_ONCE)
