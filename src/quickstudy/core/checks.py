"""Checks of what a learner is given: values are converted, or an error says what came, what was expected, what to
do.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from quickstudy.core.compiling import not_compiled
from quickstudy.core.conversion import (
    as_floats,
    as_labels,
    as_mask,
    own_tensor,
    refuse_labels_of_another_kind,
    type_name,
)
from quickstudy.core.errors import UserError
from quickstudy.core.learner import Learner
from quickstudy.core.ragged import packed
from quickstudy.core.refusals import Range, refuse_numbers, refuse_other_examples, warn_of_paper
from quickstudy.core.state import leaves
from quickstudy.core.tasks import SharedTasks, TrainingTasks
from quickstudy.core.tracing import is_traced, traced_ways


@not_compiled
def count_ways(support_y: Tensor) -> int:
    """The number of classes that labels name: the highest label plus one.

    Args:
        support_y: class indices (T, S), which count from 0.
    """
    return traced_ways() if is_traced() else int(support_y.max()) + 1


@not_compiled
def read_support(
    learner: Learner,
    support_x: Any,
    support_y: Any,
    support_mask: Any = None,
    *,
    max_ways: int | None = None,
    symbols: Callable[[Tensor], Tensor] | None = None,
    state: Any = None,
    is_known_T: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Check and convert the support of a classification task.

    Args:
        learner: reads the support. It gives the precision, the device and the range of inputs.
        support_x: inputs (T, S, *input).
        support_y: labels (T, S).
        support_mask: (T, S), True where an example is real.
        max_ways: how many classes the learner can tell apart. None if there is no limit.
        symbols: turns labels that are not class indices into the numbers (T, S) that are checked.
        state: the state to extend, which must hold as many tasks.
        is_known_T: True for tasks that the state knows. Such a task may come without a real example.

    Returns:
        Inputs, class indices and mask. The mask is None if all examples are real. Otherwise the real examples of a task
        come first, and padding is zero.

    Raises:
        UserError: if the learner cannot read something, or would misread it.
    """
    if is_traced():
        return support_x, support_y, support_mask
    own = own_tensor(learner)
    support_x = as_floats("support_x", support_x, own, is_image=learner.input_range is not None)
    support_y = as_labels("support_y", support_y, support_x)
    _check_labelled(support_x, _checked_symbols(support_y, symbols))
    _refuse_other_tasks(support_x, state)
    refuse_other_examples("support_x", support_x, learner.example_shape)
    mask = _read_mask(support_mask, support_x)
    if mask is not None:
        _refuse_tasks_without_examples(mask, is_known_T)
    if _validations(learner, support_x):
        checked = _checked_symbols(support_y, symbols)
        _check_label_values(checked if mask is None else checked[mask], max_ways)
        refuse_numbers("support_x", support_x, mask, _input_range(learner), learner)
        warn_of_paper(learner, support_x, mask)
    return _packed(support_x, support_y, mask)


@not_compiled
def read_values(
    learner: Learner,
    support_x: Any,
    support_y: Any,
    support_mask: Any = None,
    *,
    sizes: tuple[int | None, int],
    state: Any = None,
    part: Literal["support", "query"] = "support",
    precision: torch.dtype | None = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Check and convert the points of a function. There may be none.

    Args:
        learner: reads the points. It gives the precision, the device and the ranges.
        support_x: inputs (T, S, D).
        support_y: values (T, S, Y).
        support_mask: (T, S), True where a point is real.
        sizes: D and Y. D is None if inputs may have any size.
        state: the state to extend, which must hold as many tasks.
        part: the name of the points in error messages.
        precision: the precision of the result. None for the learner's own.

    Returns:
        Inputs, values and mask. The mask is as `read_support` returns it.

    Raises:
        UserError: if the learner cannot read something, or would misread it.
    """
    if is_traced():
        return _in_precision(support_x, precision), _in_precision(support_y, precision), support_mask
    support_x = as_floats(f"{part}_x", support_x, _like(learner, precision))
    support_y = as_floats(f"{part}_y", support_y, support_x)
    is_paired = support_x.ndim == support_y.ndim == 3 and support_x.shape[:2] == support_y.shape[:2]
    num_inputs, num_outputs = sizes[0] or (support_x.shape[2] if is_paired else "D"), sizes[1]
    if not is_paired or (support_x.shape[2], support_y.shape[2]) != (num_inputs, num_outputs):
        raise UserError(
            f"{part}_x has shape {tuple(support_x.shape)} and {part}_y {tuple(support_y.shape)}, but "
            f"(T, S, {num_inputs}) and (T, S, {num_outputs}) were expected: tasks first, then the points of a task, "
            "then the numbers of a point. For a single task, add the task dimension with x[None], y[None]."
        )
    _refuse_other_tasks(support_x, state)
    mask = _read_mask(support_mask, support_x)
    if _validations(learner, support_x):
        refuse_numbers(f"{part}_x", support_x, mask, _input_range(learner), learner)
        refuse_numbers(f"{part}_y", support_y, mask, _value_range(learner), learner)
    return _packed(support_x, support_y, mask)


@not_compiled
def read_query(
    learner: Learner,
    state: Any,
    query_x: Any,
    example_shape: Sequence[int] | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Check and convert queries (T, Q, *input). There may be none.

    Args:
        learner: reads the queries. It gives the precision, the device and the range of inputs.
        state: the state of T tasks that will answer them.
        query_x: inputs (T, Q, *input).
        example_shape: the shape of one input. None for the learner's own.
        precision: the precision of the result. None for the learner's own.

    Raises:
        UserError: if the learner cannot read something, or would misread it.
    """
    if is_traced():
        return _in_precision(query_x, precision)
    held = leaves(state)
    like = _like(learner, precision)
    if like is None:
        like = next((leaf for leaf in held if leaf.is_floating_point()), None)
    query_x = as_floats("query_x", query_x, like, is_image=learner.input_range is not None)
    num_tasks = len(held[0])
    if query_x.ndim < 3 or query_x.shape[0] != num_tasks:
        raise UserError(
            f"query_x has shape {tuple(query_x.shape)}, but the state holds {num_tasks} tasks, so "
            f"({num_tasks}, Q, *input) was expected. Add the task dimension, or slice the state."
        )
    refuse_other_examples("query_x", query_x, learner.example_shape if example_shape is None else example_shape)
    if _validations(learner, query_x):
        refuse_numbers("query_x", query_x, None, _input_range(learner), learner)
    return query_x


def check_tasks(tasks: TrainingTasks, max_ways: int | None = None) -> None:
    """Refuse tasks on which no training is possible. Nothing is converted, and numbers are not checked.

    Args:
        tasks: the tasks of a training step.
        max_ways: how many classes the learner can tell apart. None if there is no limit.

    Raises:
        UserError: if the shapes do not belong together, or the labels have another type.
    """
    if isinstance(tasks, SharedTasks):  # The shapes that gathering would give, without gathering.
        if len(tasks.pool_x) == 0:
            raise UserError("The pool of the tasks is empty. Classes are learnt from examples.")
        support_x = tasks.pool_x[:1].expand(*tasks.support_index.shape, *tasks.pool_x.shape[1:])
    else:
        support_x = tasks.support_x
    if not support_x.is_floating_point():
        raise UserError(
            f"support_x holds {type_name(support_x)}, but learners are trained on floating point numbers. "
            "For images of bytes, pass images.float() / 255 (ink = 1)."
        )
    refuse_labels_of_another_kind("support_y", tasks.support_y)
    _check_labelled(support_x, tasks.support_y)
    if support_x.device.type == "cpu":  # Elsewhere a look would make the host wait for the device in every step.
        _check_label_values(tasks.support_y, max_ways)


def _in_precision(values: Tensor, precision: torch.dtype | None) -> Tensor:
    return values if precision is None else values.to(precision)


def _like(learner: Learner, precision: torch.dtype | None) -> Tensor | None:
    own = own_tensor(learner)
    return own if own is None or precision is None else own.new_empty((), dtype=precision)


def _validations(learner: Learner, x: Tensor) -> bool:
    """Whether to check the numbers in tensors. In training on a GPU this is off, because the host would wait for the
    GPU.
    """
    return x.device.type == "cpu" or not learner.training


def _checked_symbols(labels: Tensor, symbols: Callable[[Tensor], Tensor] | None) -> Tensor:
    try:
        return labels if symbols is None else symbols(labels)
    except ValueError as error:
        raise UserError(str(error)) from None


def _check_labelled(support_x: Tensor, support_y: Tensor) -> None:
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


@not_compiled
def _check_label_values(support_y: Tensor, max_ways: int | None) -> None:
    lowest, highest = torch.stack(support_y.aminmax()).tolist()
    if lowest < 0 or (max_ways is not None and highest >= max_ways):
        expected = "0 and up" if max_ways is None else f"0 to {max_ways - 1}, because it was built for {max_ways} ways"
        raise UserError(
            f"support_y holds label {lowest if lowest < 0 else highest}, but the learner reads labels {expected}. "
            "Relabel the support from 0, or build the learner with more ways."
        )


def _refuse_other_tasks(support_x: Tensor, state: Any) -> None:
    num_tasks = len(support_x) if state is None else len(leaves(state)[0])
    if num_tasks != len(support_x):
        raise UserError(
            f"support_x has shape {tuple(support_x.shape)}, but the state holds {num_tasks} tasks. Give examples of "
            "the same tasks, or slice the state."
        )


def _read_mask(support_mask: Any, support_x: Tensor) -> Tensor | None:
    if support_mask is None:
        return None
    mask = as_mask("support_mask", support_mask, support_x)
    if mask.shape != support_x.shape[:2]:
        raise UserError(
            f"support_mask has shape {tuple(mask.shape)}, but {tuple(support_x.shape[:2])} was expected, as the "
            "support's: a boolean for each example of each task, True where it is real."
        )
    return None if bool(mask.all()) else mask


def _packed(x: Tensor, y: Tensor, mask_TS: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    if mask_TS is None:
        return x, y, None
    mask_TL = packed(mask_TS, mask_TS)
    return packed(x, mask_TS), packed(y, mask_TS), None if bool(mask_TL.all()) else mask_TL


def _refuse_tasks_without_examples(mask_TS: Tensor, is_known_T: Tensor | None) -> None:
    is_empty_T = ~mask_TS.any(dim=1) if is_known_T is None else ~(mask_TS.any(dim=1) | is_known_T)
    if is_empty_T.any():
        raise UserError(
            f"support_mask leaves task {int(is_empty_T.nonzero()[0])} (counted from 0) without an example. Classes are "
            "learnt from examples: leave such tasks out of the batch."
        )


def _input_range(learner: Learner) -> Range | None:
    return None if learner.training else learner.input_range


def _value_range(learner: Learner) -> Range | None:
    return (0.0, 1.0) if getattr(getattr(learner, "head", None), "likelihood", None) == "bernoulli" else None
