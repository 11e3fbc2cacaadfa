"""Functions for the state of any learner, which is a NamedTuple of tensors whose first dimension is the task."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

State = TypeVar("State")


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply a function to every tensor of a state. The structure stays.

    Args:
        function: takes a tensor and returns one.
        state: a state of any learner.

    Raises:
        TypeError: if the state holds something else than tensors and tuples.
    """
    mapped: Any
    if isinstance(state, Tensor):
        mapped = function(state)
    elif isinstance(state, tuple):
        parts = [map_state(function, part) for part in state]
        mapped = type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    else:
        raise TypeError(f"A state is made of tensors and tuples of them, but it holds {type(state).__name__}.")
    return mapped


def leaves(state: Any) -> list[Tensor]:
    """All tensors of a state, in order.

    Args:
        state: a state of any learner.

    Raises:
        TypeError: if the state holds something else than tensors and tuples.
    """
    if isinstance(state, Tensor):
        return [state]
    if isinstance(state, tuple):
        return [leaf for part in state for leaf in leaves(part)]
    raise TypeError(f"A state is made of tensors and tuples of them, but it holds {type(state).__name__}.")


def select_tasks(state: State, index: Any) -> State:
    """The state of some of the tasks.

    Args:
        state: a state of any learner.
        index: a slice, a list or a tensor of task indices.
    """
    return map_state(lambda leaf: leaf[index], state)


def move_state(state: State, device: torch.device | str) -> State:
    """The same state on another device.

    Args:
        state: a state of any learner.
        device: the new device.
    """
    return map_state(lambda leaf: leaf.to(device), state)
