"""What a task is: a few labelled examples, and queries to be answered with their help."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution


class Tasks(NamedTuple):
    """A batch of T tasks; every field leads with the task dimension."""

    support_x: Tensor
    """(T, S, *input): the examples to learn from."""
    support_y: Tensor
    """(T, S) class indices from 0, or (T, S, *output) values."""
    query_x: Tensor
    """(T, Q, *input): what is asked."""
    query_y: Tensor
    """(T, Q) or (T, Q, *output): the answers, never shown to `adapt` or `predict`."""

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Tasks":
        """The same tasks on another device, and their floating point fields in another precision."""
        return Tasks(*(field.to(device, dtype if field.is_floating_point() else None) for field in self))

    def embedded(self, encoder: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Features (T, S, D) and (T, Q, D) of support and queries, which share their batch statistics."""
        num_support = self.support_x.shape[1]
        z_TED = encoder(torch.cat([self.support_x, self.query_x], dim=1))
        return z_TED[:, :num_support], z_TED[:, num_support:]

    def gathered(self) -> "Tasks":
        """Themselves: each task has its examples already."""
        return self


class SharedTasks(NamedTuple):
    """Tasks whose examples come from one pool: in training each is embedded once, however many tasks it is in."""

    pool_x: Tensor
    """(P, *input): all examples."""
    support_index: Tensor
    """(T, S): where in the pool the examples to learn from are."""
    support_y: Tensor
    """As in `Tasks`."""
    query_index: Tensor
    """(T, Q)."""
    query_y: Tensor
    """As in `Tasks`."""

    def embedded(self, encoder: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Features (T, S, D) and (T, Q, D), as `Tasks.embedded`, at the cost of P examples."""
        z_PD = encoder(self.pool_x[None]).squeeze(0)
        return z_PD[self.support_index], z_PD[self.query_index]

    def gathered(self) -> Tasks:
        """The same tasks, each with examples of its own."""
        return Tasks(self.pool_x[self.support_index], self.support_y, self.pool_x[self.query_index], self.query_y)


TrainingTasks = Tasks | SharedTasks
"""What `Learner.meta_loss` reads."""


class TaskDistribution(Protocol):
    """Anything tasks can be drawn from: the same generator state draws the same tasks."""

    @property
    def device(self) -> torch.device:
        """Where the tasks are made; the generator must live there too."""

    def to(self, device: torch.device | str) -> Self:
        """The same distribution, making its tasks on another device."""

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw a batch of independent tasks."""


class Oracle(NamedTuple):
    """What one knows of the queries' answers who knows what kind of task it is."""

    posterior: Distribution
    """Having seen the support: no learner does better on average."""
    prior: Distribution
    """Having seen nothing: what a learner must beat."""


@runtime_checkable
class KnowsAnswers(Protocol):
    """A distribution over tasks of which all is known."""

    def sample_with_oracle(self, num_tasks: int, generator: torch.Generator) -> tuple[Tasks, Oracle]:
        """The tasks that `sample` would draw, and what is to be known of their queries, distributions over (T, Q)."""


@runtime_checkable
class ShowsImages(Protocol):
    """A distribution whose tasks are images: of a pixel's place, (row, column) in the unit square, its intensities."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of an image."""

    def showing(self, count: int) -> TaskDistribution:
        """The same images for the same generator state, so many of their pixels given and all of them asked for.

        Of fewer pixels the first of more.
        """


class TrainingDistribution(Protocol):
    """What a training draws from: a `TaskDistribution`, or one whose tasks share their examples."""

    @property
    def device(self) -> torch.device:
        """As a `TaskDistribution`'s."""

    def to(self, device: torch.device | str) -> Self:
        """As a `TaskDistribution`'s."""

    def sample(self, num_tasks: int, generator: torch.Generator) -> TrainingTasks:
        """Draw a batch of tasks."""


@runtime_checkable
class StagedDistribution(TrainingDistribution, Protocol):
    """Tasks that change in the course of a training."""

    def at(self, fraction: float) -> TrainingDistribution:
        """What is drawn from when this share of the training is over."""


def in_random_slots(tasks: TrainingTasks, max_ways: int) -> TrainingTasks:
    """The same tasks with their classes called by other labels, drawn from all slots of a learner that has slots.

    So trained, one set of weights serves any number of classes up to `max_ways`, and no slot means a place.
    """
    slot_TN = torch.rand(len(tasks.support_y), max_ways, device=tasks.support_y.device).argsort(dim=1)
    support_y, query_y = (slot_TN.gather(1, labels.long()) for labels in (tasks.support_y, tasks.query_y))
    return tasks._replace(support_y=support_y, query_y=query_y)
