"""What a task is: a few labelled examples, and queries to be answered with their help."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core.errors import UserError


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


class TrainingDistribution(Protocol):
    """What a training draws from: a `TaskDistribution`, or one whose tasks share their examples."""

    @property
    def device(self) -> torch.device:
        """As a `TaskDistribution`'s."""

    def to(self, device: torch.device | str) -> Self:
        """As a `TaskDistribution`'s."""

    def sample(self, num_tasks: int, generator: torch.Generator) -> TrainingTasks:
        """Draw a batch of tasks."""


@torch.compiler.disable  # type: ignore[untyped-decorator]
def count_ways(support_y: Tensor) -> int:
    """How many classes the labels (T, S) number, from 0 to the highest."""
    return int(support_y.max()) + 1


@torch.compiler.disable  # type: ignore[untyped-decorator]
def check_support(support_x: Tensor, support_y: Tensor, max_ways: int | None = None) -> None:
    """Refuse a support set of a classification task that no learner could read.

    Expects support_x (T, S, *input) of floats and support_y (T, S) of class indices below `max_ways`.

    Raises:
        UserError: saying what came, what was expected and what to do.
    """
    _refuse_integers("support_x", support_x)
    if support_x.ndim < 3 or support_y.shape != support_x.shape[:2]:
        raise UserError(
            f"support_x has shape {tuple(support_x.shape)} and support_y {tuple(support_y.shape)}, "
            "but (T, S, *input) and (T, S) were expected: tasks first, then the examples of a task. "
            "For a single task, add the task dimension with x[None], y[None]."
        )
    if support_y.numel() == 0:
        raise UserError(
            f"The support is empty: {tuple(support_y.shape)} tasks and examples. Classes are learnt from examples."
        )
    if support_y.dtype not in (torch.int64, torch.int32, torch.uint8):
        raise UserError(
            f"support_y holds {_name(support_y)}, but class indices (int64) were expected. "
            "Number the classes of each task 0, 1, 2, … and pass y.long()."
        )
    if support_x.device.type != "cpu":
        return  # Looking at the labels would make the host wait for the device.
    lowest, highest = int(support_y.min()), int(support_y.max())
    if lowest < 0 or (max_ways is not None and highest >= max_ways):
        expected = "0 and up" if max_ways is None else f"0 to {max_ways - 1}, as it was built for {max_ways} ways"
        raise UserError(
            f"support_y holds label {lowest if lowest < 0 else highest}, but the learner reads labels {expected}. "
            "Relabel the support from 0, or build the learner with more ways."
        )


def check_tasks(tasks: TrainingTasks, max_ways: int | None = None) -> None:
    """Refuse tasks that cannot be trained on, as `check_support` does.

    Raises:
        UserError: saying what came, what was expected and what to do.
    """
    if isinstance(tasks, SharedTasks):  # The shapes that gathering would give, without gathering.
        if len(tasks.pool_x) == 0:
            raise UserError("The pool of the tasks is empty. Classes are learnt from examples.")
        support_x = tasks.pool_x[:1].expand(*tasks.support_index.shape, *tasks.pool_x.shape[1:])
    else:
        support_x = tasks.support_x
    check_support(support_x, tasks.support_y, max_ways)


def check_query(query_x: Tensor, num_tasks: int, example_shape: torch.Size | None = None) -> None:
    """Refuse queries that do not belong to a state of `num_tasks` tasks; query_x is (T, Q, *input).

    Raises:
        UserError: saying what came, what was expected and what to do.
    """
    _refuse_integers("query_x", query_x)
    if query_x.ndim < 3 or query_x.shape[0] != num_tasks:
        raise UserError(
            f"query_x has shape {tuple(query_x.shape)}, but the state holds {num_tasks} tasks, so "
            f"({num_tasks}, Q, *input) was expected. Add the task dimension, or slice the state."
        )
    if example_shape is not None and query_x.shape[2:] != example_shape:
        raise UserError(
            f"A query has shape {tuple(query_x.shape[2:])}, but the support's examples had "
            f"{tuple(example_shape)}. Prepare queries as the support was prepared."
        )


def in_random_slots(tasks: TrainingTasks, max_ways: int) -> TrainingTasks:
    """The same tasks with their classes called by other labels, drawn from all slots of a learner that has slots.

    So trained, one set of weights serves any number of classes up to `max_ways`, and no slot means a place.
    """
    slot_TN = torch.rand(len(tasks.support_y), max_ways, device=tasks.support_y.device).argsort(dim=1)
    support_y, query_y = (slot_TN.gather(1, labels.long()) for labels in (tasks.support_y, tasks.query_y))
    return tasks._replace(support_y=support_y, query_y=query_y)


def _refuse_integers(name: str, inputs: Tensor) -> None:
    if not inputs.is_floating_point():
        raise UserError(
            f"{name} holds {_name(inputs)}, but learners read floating point numbers. "
            "For images of bytes, pass images.float() / 255 (ink = 1)."
        )


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
