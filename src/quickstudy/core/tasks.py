"""A task is a few labelled examples and queries. The examples help to answer the queries."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution


class Tasks(NamedTuple):
    """A batch of T tasks. The first dimension of every field is the task."""

    support_x: Tensor
    """(T, S, *input): the examples to learn from."""
    support_y: Tensor
    """(T, S) class indices from 0, or (T, S, *output) values."""
    query_x: Tensor
    """(T, Q, *input): the inputs whose answers are predicted."""
    query_y: Tensor
    """(T, Q) or (T, Q, *output): the correct answers. `adapt` and `predict` never read them."""

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Tasks":
        """The same tasks on another device.

        Args:
            device: the new device.
            dtype: the new precision of floating point fields. None keeps it.
        """
        return Tasks(*(field.to(device, dtype if field.is_floating_point() else None) for field in self))

    def embedded(self, encoder: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Features (T, S, D) and (T, Q, D) of support and queries. Both share their batch statistics.

        Args:
            encoder: turns inputs (T, E, *input) into features (T, E, D).
        """
        num_support = self.support_x.shape[1]
        z_TED = encoder(torch.cat([self.support_x, self.query_x], dim=1))
        return z_TED[:, :num_support], z_TED[:, num_support:]

    def gathered(self) -> "Tasks":
        """The same object, because each task already has its own examples."""
        return self


class SharedTasks(NamedTuple):
    """Tasks whose examples come from one pool. A training embeds each example once, even if many tasks use it."""

    pool_x: Tensor
    """(P, *input): all examples."""
    support_index: Tensor
    """(T, S): the places of the support examples in the pool."""
    support_y: Tensor
    """As in `Tasks`."""
    query_index: Tensor
    """(T, Q): the places of the queries in the pool."""
    query_y: Tensor
    """As in `Tasks`."""

    def embedded(self, encoder: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Features (T, S, D) and (T, Q, D), as `Tasks.embedded` gives them, at the cost of P examples.

        Args:
            encoder: turns inputs (1, P, *input) into features (1, P, D).
        """
        z_PD = encoder(self.pool_x[None]).squeeze(0)
        return z_PD[self.support_index], z_PD[self.query_index]

    def gathered(self) -> Tasks:
        """The same tasks, where each task has its own copy of its examples."""
        return Tasks(self.pool_x[self.support_index], self.support_y, self.pool_x[self.query_index], self.query_y)


TrainingTasks = Tasks | SharedTasks
"""What `Learner.meta_loss` reads."""


class TaskDistribution(Protocol):
    """A distribution that draws tasks. The same state of the generator gives the same tasks."""

    @property
    def device(self) -> torch.device:
        """The device on which tasks are made. The generator must be on it too."""

    def to(self, device: torch.device | str) -> Self:
        """The same distribution, which makes its tasks on another device.

        Args:
            device: the new device.
        """

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw a batch of independent tasks.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """


class Oracle(NamedTuple):
    """The best and the simplest prediction of the queries' answers, when the distribution over tasks is known."""

    posterior: Distribution
    """The exact prediction given the support. No learner does better on average."""
    prior: Distribution
    """The exact prediction without the support. A learner should do better."""


@runtime_checkable
class KnowsAnswers(Protocol):
    """A distribution over tasks whose exact predictions are known."""

    def sample_with_oracle(self, num_tasks: int, generator: torch.Generator) -> tuple[Tasks, Oracle]:
        """The tasks that `sample` would draw, and the exact predictions of their queries, distributions over (T, Q).

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """


@runtime_checkable
class ShowsImages(Protocol):
    """A distribution whose tasks are images: functions from the place of a pixel to its intensities.

    A place is (row, column) in the unit square.
    """

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of an image."""

    def showing(self, count: int) -> TaskDistribution:
        """The same images for the same generator state. Some pixels are the support, and all pixels are queries.

        The support of a smaller count is the start of the support of a larger one.

        Args:
            count: how many pixels are the support.
        """


class TrainingDistribution(Protocol):
    """The source of a training's tasks: a `TaskDistribution`, or a distribution whose tasks share their examples."""

    @property
    def device(self) -> torch.device:
        """The device on which tasks are made, as in `TaskDistribution`."""

    def to(self, device: torch.device | str) -> Self:
        """The same distribution, which makes its tasks on another device.

        Args:
            device: the new device.
        """

    def sample(self, num_tasks: int, generator: torch.Generator) -> TrainingTasks:
        """Draw a batch of tasks.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """


@runtime_checkable
class StagedDistribution(TrainingDistribution, Protocol):
    """A distribution that changes during a training."""

    def at(self, fraction: float) -> TrainingDistribution:
        """The distribution to draw from after a share of the training.

        Args:
            fraction: the share of the training that is over, from 0 to 1.
        """


def in_random_slots(tasks: TrainingTasks, max_ways: int) -> TrainingTasks:
    """The same tasks, with the classes of each task in random label slots.

    A learner with label slots that is trained like this serves any number of classes up to `max_ways`, and no slot gets
    a special meaning.

    Args:
        tasks: tasks whose labels count from 0.
        max_ways: the label slots of the learner.
    """
    slot_TN = torch.rand(len(tasks.support_y), max_ways, device=tasks.support_y.device).argsort(dim=1)
    support_y, query_y = (slot_TN.gather(1, labels.long()) for labels in (tasks.support_y, tasks.query_y))
    return tasks._replace(support_y=support_y, query_y=query_y)
