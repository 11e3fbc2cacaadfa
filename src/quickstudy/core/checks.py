"""Refusing what no learner could read: what came, what was expected, what to do."""

import torch
from torch import Tensor

from quickstudy.core.errors import UserError
from quickstudy.core.tasks import SharedTasks, TrainingTasks


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


@torch.compiler.disable  # type: ignore[untyped-decorator]
def check_values(support_x: Tensor, support_y: Tensor, num_inputs: int, num_outputs: int) -> None:
    """Refuse the support of a function that no learner could read; it may be empty.

    Expects support_x (T, S, `num_inputs`) and support_y (T, S, `num_outputs`), both of floats.

    Raises:
        UserError: saying what came, what was expected and what to do.
    """
    _refuse_integers("support_x", support_x)
    _refuse_integers("support_y", support_y)
    is_paired = support_x.ndim == support_y.ndim == 3 and support_x.shape[:2] == support_y.shape[:2]
    if not is_paired or support_x.shape[2] != num_inputs or support_y.shape[2] != num_outputs:
        raise UserError(
            f"support_x has shape {tuple(support_x.shape)} and support_y {tuple(support_y.shape)}, but "
            f"(T, S, {num_inputs}) and (T, S, {num_outputs}) were expected: tasks first, then the points of a task, "
            "then the numbers of a point. For a single task, add the task dimension with x[None], y[None]."
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


def _refuse_integers(name: str, inputs: Tensor) -> None:
    if not inputs.is_floating_point():
        raise UserError(
            f"{name} holds {_name(inputs)}, but learners read floating point numbers. "
            "For images of bytes, pass images.float() / 255 (ink = 1)."
        )


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
