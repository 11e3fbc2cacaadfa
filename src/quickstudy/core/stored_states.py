"""States on disk, as safetensors with the structure in the header and without pickle. A registry of the classes of
states.
"""

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
    """Register the class of a state, so that `save_state` and `torch.load` accept it.

    You can use it as a decorator of your own learner's state, or call it.

    Args:
        state_class: a NamedTuple class.
    """
    _CLASSES[_name(state_class)] = state_class
    torch.serialization.add_safe_globals([state_class])
    return state_class


def save_state(path: Path | str, state: Any, about: Any = None) -> None:
    """Write a state to a file. If writing fails, no partial file is left.

    Args:
        path: the file to write.
        state: a state of a registered class.
        about: what `about_state` reads back: any JSON object.

    Raises:
        UserError: if the class of the state is not registered.
        OSError: if the file cannot be written.
    """
    structure = _structure(state)
    tensors = {str(index): leaf.detach().clone() for index, leaf in enumerate(leaves(state))}
    save_checkpoint(Path(path), tensors, {"state": structure} | ({} if about is None else {"about": about}))


def about_state(path: Path | str) -> Any:
    """What a file of `save_state` says about its state. None if it says nothing.

    Args:
        path: the file to read.

    Raises:
        UserError: if there is no such file, it is damaged or holds something else.
    """
    return _read(Path(path))[1].get("about")


def load_state(path: Path | str) -> Any:
    """Read a state from a file of `save_state`. Its tensors are on the CPU.

    Args:
        path: the file to read.

    Raises:
        UserError: if there is no such file, it is damaged or holds something else, or the class of the state is not
            registered.
    """
    tensors, header = _read(Path(path))
    structure = header["state"]
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
    """The structure of a state: "tensor", or a name and the structures of the parts. The name of a plain tuple is
    "tuple".
    """
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
    """Rebuild the state of a structure from tensors numbered from `first`. Return it and the number after its last
    tensor.
    """
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
            return {name: file.get_tensor(name).clone() for name in file.keys()}, header  # noqa: SIM118
    except FileNotFoundError:
        raise _no_state(path, "there is no such file") from None
    except (SafetensorError, OSError, json.JSONDecodeError, RecursionError) as error:
        raise _no_state(path, f"it is damaged, or of another kind ({error})") from None


def _no_state(path: Path | str, reason: str) -> UserError:
    return UserError(f"No state can be read from {path}: {reason}. Give a file that quickstudy.save_state has written.")
