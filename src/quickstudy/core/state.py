"""What can be done with any learner's state: it is a NamedTuple of tensors, tasks first."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

State = TypeVar("State")


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply `function` to every tensor of a state, keeping its structure."""
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
    """All tensors of a state, in order."""
    if isinstance(state, Tensor):
        return [state]
    if isinstance(state, tuple):
        return [leaf for part in state for leaf in leaves(part)]
    raise TypeError(f"A state is made of tensors and tuples of them, but it holds {type(state).__name__}.")


def select_tasks(state: State, index: Any) -> State:
    """The state of some of the tasks: `index` is a slice, a list or a tensor of task indices."""
    return map_state(lambda leaf: leaf[index], state)


def move_state(state: State, device: torch.device | str) -> State:
    """The same state on another device."""
    return map_state(lambda leaf: leaf.to(device), state)
