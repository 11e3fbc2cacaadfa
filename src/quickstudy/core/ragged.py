"""Tasks of unequal length in one batch. A mask (T, S) says which examples of the support are real.

The rest is padding. Its numbers are never read: the checks of the input cut it off or overwrite it, and put the real
examples first.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core.state import select_tasks

State = TypeVar("State")


def packed(values: Tensor, mask_TS: Tensor) -> Tensor:
    """Put each task's real examples first, in their order, then zeros: (T, L, …). L is the highest number of real
    examples.

    Args:
        values: (T, S, …).
        mask_TS: True where an example is real.
    """
    longest = int(mask_TS.sum(dim=1).max()) if mask_TS.numel() else 0
    order_TL = (~mask_TS).int().argsort(dim=1, stable=True)[:, :longest]
    task_T1 = torch.arange(len(mask_TS), device=mask_TS.device)[:, None]
    return without_padding(values[task_T1, order_TL], mask_TS[task_T1, order_TL])


def without_padding(values: Tensor, mask_TS: Tensor | None) -> Tensor:
    """The values (T, S, …) with zeros in the place of padding.

    Args:
        values: (T, S, …).
        mask_TS: True where an example is real. None if all are real.
    """
    if mask_TS is None:
        return values
    return values.masked_fill(~mask_TS.view(*mask_TS.shape, *[1] * (values.ndim - 2)), 0)


def num_real(mask_TS: Tensor | None, num_support: int) -> Tensor | int:
    """The number of real examples of each task, (T,), or one number for all tasks if there is no mask.

    Args:
        mask_TS: True where an example is real. None if all are real.
        num_support: S, the examples of a task with padding.
    """
    return num_support if mask_TS is None else mask_TS.sum(dim=1)


def adapted_by_size(adapt: Callable[[Tensor, int], State], mask_TL: Tensor) -> State:
    """Adapt tasks in groups with the same number of real examples, and join the groups to one state.

    It serves learners that cannot leave padding out themselves. If the leaves of the groups differ in their second
    dimension, the shorter ones begin with zeros.

    Args:
        adapt: takes task indices and a number of examples. It returns the state of these tasks after that many
            examples.
        mask_TL: True where an example is real. Real examples come first.
    """
    size_T = mask_TL.sum(dim=1)
    groups = [((size_T == size).nonzero().squeeze(1), int(size)) for size in size_T.unique()]
    states = [adapt(task_B, size) for task_B, size in groups]
    return select_tasks(_joined(states), torch.cat([task_B for task_B, _ in groups]).argsort())


def _joined(states: Sequence[Any]) -> Any:
    first = states[0]
    if isinstance(first, Tensor):
        if first.ndim > 1:
            longest = max(state.shape[1] for state in states)
            states = [F.pad(s, (*[0, 0] * (s.ndim - 2), longest - s.shape[1], 0)) for s in states]
        return torch.cat(list(states))
    parts = [_joined(each) for each in zip(*states, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
