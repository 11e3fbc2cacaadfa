"""A learner's answers to tasks of any size: in parts that fit in memory, and the same tasks for every learner.

Letters: T tasks, S support examples, Q queries.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import Learner, TaskDistribution, Tasks, UserError, unchecked_distributions

TASKS_AT_ONCE = 10
"""Fixed: how tasks are batched decides which are drawn."""
BYTES_AT_ONCE = 2**31
"""What a part of a batch may take by the estimate of `bytes_each`; at least one query of one task is in it."""

_WIDTH = 256
"""Numbers kept for each of an example: as many as a first convolution of 64 channels needs for what it reads,
convolves, normalises and hands on."""
_LEAST = 64
"""Numbers of an example are taken to be as many at least: a point of a curve is made one of many features."""
_HEADS = 8
"""Numbers kept for each pair of examples that attend to each other."""
_FLOAT = 4

Figures = Callable[[Distribution, Tasks], Mapping[str, Tensor]]
"""What is noted of a prediction, each (T, Q, …), given its tasks."""


def answered(learner: Learner, tasks: Tasks, figures: Figures) -> dict[str, Tensor]:
    """Figures of the learner's predictions for all queries, (T, Q, …) on the CPU, computed in parts.

    A part has some of the tasks and some of their queries, as many as fit in memory. Up to rounding, the predictions
    are those for all queries at once. Queries of a transductive learner depend on each other, so they stay together.

    Args:
        learner: The learner.
        tasks: The tasks.
        figures: Computes figures of a prediction, each (T, Q, …).

    Raises:
        UserError: if there are no queries, or their answers have another shape than what is predicted.
    """
    if tasks.query_x.shape[1] == 0:
        raise UserError("The tasks have no queries, so there is nothing to evaluate. Draw tasks with queries.")
    rows = [_of_some_tasks(learner, part, figures) for part in some_tasks(learner, tasks)]
    return _joined(rows, dim=0)


@runtime_checkable
class DrawsInParts(Protocol):
    """A distribution that can sample a batch of tasks in parts."""

    def sample_in_parts(self, num_tasks: int, generator: torch.Generator, most_bytes: int) -> Iterator[Tasks]:
        """The tasks that `sample` would draw, in parts of one task or more.

        Args:
            num_tasks: Tasks T of the batch.
            generator: Source of randomness.
            most_bytes: Size that a part should not exceed.
        """


@runtime_checkable
class DrawsByBatch(Protocol):
    """A distribution that says whether the tasks of a batch share something that was drawn."""

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share something, such as the number of given points."""


class Batches:
    """Which batch each task was in, and whether tasks of a batch share something that was drawn.

    Args:
        tasks: What they are drawn from. Where it does not say whether they share something, they do if batches differ
            in their numbers of examples.
    """

    def __init__(self, tasks: TaskDistribution) -> None:
        self._is_shared = isinstance(tasks, DrawsByBatch) and tasks.draws_by_batch
        self._starts: list[int] = []
        self._shapes: set[tuple[int, int]] = set()

    def add(self, part: Tasks, start: int) -> None:
        """Record some tasks of a batch.

        Args:
            part: The tasks, in the order drawn.
            start: How many tasks there are in the batches before.
        """
        self._starts += [start] * len(part.query_y)
        self._shapes.add((part.support_y.shape[1], part.query_y.shape[1]))

    def index(self) -> Tensor | None:
        """For `Interval.over`: a number for each task's batch, (T,), or None where tasks share nothing."""
        if not self._is_shared and len(self._shapes) < 2:
            return None
        return torch.tensor(self._starts)


def drawn(tasks: TaskDistribution, count: int, generator: torch.Generator) -> Iterator[Tasks]:
    """The first tasks of a batch, in parts that fit in memory.

    Args:
        tasks: Distribution of the tasks.
        count: Most tasks to draw; a batch may have fewer.
        generator: Source of randomness.
    """
    if isinstance(tasks, DrawsInParts):
        parts = tasks.sample_in_parts(TASKS_AT_ONCE, generator, BYTES_AT_ONCE // 4)
    else:
        parts = iter([tasks.sample(TASKS_AT_ONCE, generator)])
    for part in parts:
        if count > 0:
            yield first(part, count)
        count -= len(part.query_x)


def bytes_each(tasks: Tasks) -> tuple[int, int]:
    """Rough memory in bytes that a learner needs for a support example, and for a query.

    An example needs its numbers times the width of a network. Besides, it is compared with every support example of its
    task: by the heads of an attention, or by a nearest neighbour once for each class.

    Args:
        tasks: The tasks.
    """
    numbers = max(_LEAST, tasks.query_x.shape[2:].numel())
    num_support, ways = tasks.support_y.shape[1], 1
    if num_support > 0 and not tasks.support_y.is_floating_point():
        ways = int(tasks.support_y.max()) + 1
    of_support = _WIDTH * numbers + _HEADS * num_support
    return _FLOAT * of_support, _FLOAT * (of_support + 2 * ways * num_support)


def some_tasks(learner: Learner, tasks: Tasks) -> Iterator[Tasks]:
    """The tasks in parts that can be adapted to at once, in the learner's precision and on its device.

    Queries of a transductive learner stay together, so they count too.

    Args:
        learner: The learner.
        tasks: The tasks.
    """
    of_support, of_query = bytes_each(tasks)
    of_task = tasks.support_x.shape[1] * of_support
    if learner.is_transductive:
        of_task = max(of_task, tasks.query_x.shape[1] * of_query)
    weight = next(learner.parameters(), tasks.query_x)
    for fields in zip(*(field.split(_fitting(of_task)) for field in tasks), strict=True):
        yield Tasks(*fields).to(weight.device, weight.dtype)


@contextmanager
def asking(learner: Learner) -> Iterator[None]:
    """The learner in eval mode, without gradients or checks of a distribution's arguments. Afterwards its mode is
    restored.

    Args:
        learner: The learner.
    """
    modes = {module: module.training for module in learner.modules()}
    learner.eval()
    try:
        with torch.no_grad(), unchecked_distributions():
            yield
    finally:
        for module, was_training in modes.items():
            module.training = was_training


def generator_of(tasks: TaskDistribution, num_tasks: int, seed: int, name: str = "tasks") -> torch.Generator:
    """The generator that decides which tasks are drawn.

    Args:
        tasks: Distribution of the tasks.
        num_tasks: How many will be drawn.
        seed: Decides the tasks.
        name: What tasks are called in messages.

    Raises:
        UserError: if there are no tasks to draw, or no such seed.
    """
    if num_tasks < 1:
        raise UserError(f"{num_tasks} {name} were requested, but an evaluation needs at least one.")
    refuse_seed(seed)
    return torch.Generator(tasks.device).manual_seed(seed)


def refuse_seed(seed: int) -> None:
    """Raise UserError if a number is no seed.

    Args:
        seed: The number.

    Raises:
        UserError: if it is not from 0 to 2⁶³ − 1.
    """
    if not 0 <= seed < 2**63:
        raise UserError(f"The seed {seed} was given, but a whole number from 0 to 2⁶³ − 1 was expected.")


def refuse_answers(prediction: Distribution, query_y: Tensor) -> None:
    """Raise UserError if the true answers have another shape than the prediction.

    Args:
        prediction: The prediction.
        query_y: The true answers.

    Raises:
        UserError: if the shapes differ.
    """
    expected = prediction.batch_shape + prediction.event_shape
    if query_y.shape != expected:
        raise UserError(
            f"query_y has shape {tuple(query_y.shape)}, but the prediction is of answers {tuple(expected)}. "
            "Give the answers the shape that is predicted: (T, Q) for classes, (T, Q, Y) for values of Y numbers."
        )


def first(tasks: Tasks, count: int) -> Tasks:
    """The first of the tasks, or all if there are fewer.

    Args:
        tasks: The tasks.
        count: How many.
    """
    return Tasks(*(field[:count] for field in tasks))


def _of_some_tasks(learner: Learner, tasks: Tasks, figures: Figures) -> dict[str, Tensor]:
    num_tasks, num_queries = tasks.query_x.shape[:2]
    at_once = num_queries if learner.is_transductive else _fitting(num_tasks * bytes_each(tasks)[1])
    state = learner.adapt(tasks.support_x, tasks.support_y)
    columns = []
    for query_x, query_y in zip(tasks.query_x.split(at_once, dim=1), tasks.query_y.split(at_once, dim=1), strict=True):
        prediction = learner.predict(state, query_x)
        refuse_answers(prediction, query_y)
        noted = figures(prediction, tasks._replace(query_x=query_x, query_y=query_y))
        columns.append({name: values.cpu() for name, values in noted.items()})
    return _joined(columns, dim=1)


def _fitting(size: int) -> int:
    """How many of this size fit, one at least."""
    return max(1, BYTES_AT_ONCE // max(1, size))


def _joined(parts: list[dict[str, Tensor]], dim: int) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts], dim=dim) for name in parts[0]}
