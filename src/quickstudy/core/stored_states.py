"""States on disk: safetensors with their structure in the header, never a pickle; and the classes of states."""

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from quickstudy.core.checkpoint import save_checkpoint
from quickstudy.core.errors import UserError
from quickstudy.core.state import leaves

_KEY = "quickstudy"
_CLASSES: dict[str, type] = {}

Class = TypeVar("Class", bound=type)


def register_state(state_class: Class) -> Class:
    """Let states of a NamedTuple class be stored: by `save_state`, and by `torch.save` for `torch.load` as it is.

    A decorator for your own learner's state, or to be called.
    """
    _CLASSES[_name(state_class)] = state_class
    torch.serialization.add_safe_globals([state_class])
    return state_class


def save_state(path: Path | str, state: Any) -> None:
    """Write a state to a file, which appears whole or not at all.

    Raises:
        UserError: if the state is of a class that is not registered, or the file cannot be written.
    """
    structure = _structure(state)
    tensors = {str(index): leaf.detach().clone() for index, leaf in enumerate(leaves(state))}
    save_checkpoint(Path(path), tensors, {"state": structure})


def load_state(path: Path | str) -> Any:
    """The state in a file of `save_state`, its tensors on the CPU.

    Raises:
        UserError: if there is no such file, it is damaged or holds something else, or the class of the state is not
            registered.
    """
    tensors, structure = _read(Path(path))
    try:
        state, used = _rebuilt(structure, tensors, 0)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError):
        raise _no_state(path, "its structure is not that of a state") from None
    if used != len(tensors):
        raise _no_state(path, f"{len(tensors)} tensors were found, but its structure has {used}")
    return state


def _name(state_class: type) -> str:
    return f"{state_class.__module__}.{state_class.__qualname__}"


def _structure(state: Any) -> Any:
    """ "tensor", or the class's name and the structures of its parts; of a plain tuple the name is "tuple"."""
    if isinstance(state, Tensor):
        return "tensor"
    if not isinstance(state, tuple):
        raise TypeError(f"A state is made of tensors and tuples of them, but it holds {type(state).__name__}.")
    name = "tuple" if type(state) is tuple else _name(type(state))
    if name != "tuple" and _CLASSES.get(name) is not type(state):
        raise UserError(
            f"The state is a {name}, which is not registered, so it could not be read again. Decorate the class with "
            "quickstudy.core.register_state."
        )
    return [name, [_structure(part) for part in state]]


def _rebuilt(structure: Any, tensors: dict[str, Tensor], first: int) -> tuple[Any, int]:
    """The state of a structure, whose tensors are numbered from `first`; and the number after its last."""
    if structure == "tensor":
        return tensors[str(first)], first + 1
    name, inner = structure
    parts = []
    for part in inner:
        rebuilt, first = _rebuilt(part, tensors, first)
        parts.append(rebuilt)
    if name == "tuple":
        return tuple(parts), first
    if name not in _CLASSES:
        raise UserError(
            f"The file holds a {name}, a class that is not registered. Import its learner first; your own classes are "
            "registered by quickstudy.core.register_state."
        )
    return _CLASSES[name](*parts), first


def _read(path: Path) -> tuple[dict[str, Tensor], Any]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(_KEY, "null"))
            if not isinstance(header, dict) or "state" not in header:
                raise _no_state(path, "it holds no state")
            # Copies: what was mapped from the file would change, or crash, when somebody overwrites the file.
            return {name: file.get_tensor(name).clone() for name in file.keys()}, header["state"]  # noqa: SIM118
    except FileNotFoundError:
        raise _no_state(path, "there is no such file") from None
    except (SafetensorError, OSError, json.JSONDecodeError, RecursionError) as error:
        raise _no_state(path, f"it is damaged, or of another kind ({error})") from None


def _no_state(path: Path | str, reason: str) -> UserError:
    return UserError(f"No state can be read from {path}: {reason}. Give a file that quickstudy.save_state has written.")
