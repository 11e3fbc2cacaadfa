"""Weights on disk: safetensors with a JSON header, never a pickle, never half a file."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from quickstudy.core.errors import UserError

_KEY = "quickstudy"
_UNFINISHED = re.compile(r"\..+\.safetensors\.[a-z0-9_]{8}")


def save_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any], *, keep_as: Path | None = None
) -> None:
    """Write tensors and a header. The file appears as a whole or not at all.

    Args:
        path: The file.
        tensors: Tensors by name.
        header: What JSON can hold.
        keep_as: Name under which the file that was there before is kept; None replaces it.

    Raises:
        OSError: if the disk is full, or the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        _write(contiguous, temporary, json.dumps(header), path)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())  # Else a crash of the machine could leave an empty file behind the name.
        os.chmod(temporary, 0o644)
        if keep_as is not None and path.exists():
            os.replace(path, keep_as)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write(tensors: dict[str, Tensor], temporary: str, header: str, path: Path) -> None:
    try:
        save_file(tensors, temporary, metadata={_KEY: header})
    except SafetensorError as error:
        # The library gives the system's own error only as a number in its text.
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None


def unfinished_checkpoints(folder: Path) -> list[Path]:
    """Half-written files that `save_checkpoint` left in a folder because its process was killed.

    Args:
        folder: The folder.
    """
    return sorted(path for path in folder.glob(".*.safetensors.*") if _UNFINISHED.fullmatch(path.name))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a checkpoint.

    Args:
        path: The file.

    Raises:
        UserError: if there is no such file, or it is damaged, or not one of ours.
    """
    with _opened(path) as file:
        header = _header(file, path)
        # Copies: what was mapped from the file would change, or crash, when somebody overwrites the file.
        return {name: file.get_tensor(name).clone() for name in file.keys()}, header  # noqa: SIM118


def read_header(path: Path) -> dict[str, Any]:
    """The header alone, without reading the tensors; raises as `load_checkpoint` does.

    Args:
        path: The file.
    """
    with _opened(path) as file:
        return _header(file, path)


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(
            f"There is no checkpoint at {path}. Give a file that `train` has written, or train first."
        ) from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or not a checkpoint ({error}). Train again, or copy it anew.") from None


def _header(file: Any, path: Path) -> dict[str, Any]:
    text = (file.metadata() or {}).get(_KEY)
    if text is None:
        raise UserError(f"{path} holds tensors, but no quickstudy header. Give a file that `train` has written.")
    try:
        header = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is damaged: its header is no JSON ({error}). Train again, or copy it anew.") from None
    if not isinstance(header, dict):
        raise UserError(f"{path} is damaged: its header is {text[:40]}, not a JSON object. Train again.")
    return header


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill a module with the weights of a file, in the module's own precision.

    Args:
        module: The module.
        tensors: Weights by name.
        path: The file, for messages.

    Raises:
        UserError: if they are not this module's weights, or not all of them are finite numbers.
    """
    own = module.state_dict()
    problems = [
        *(f"'{name}' is missing" for name in own.keys() - tensors.keys()),
        *(f"'{name}' is one too many" for name in tensors.keys() - own.keys()),
        *(_difference(name, tensors[name], own[name]) for name in own.keys() & tensors.keys()),
    ]
    found = sorted(problem for problem in problems if problem)
    if found:
        further = f", and {len(found) - 1} more like this" if len(found) > 1 else ""
        raise UserError(f"The weights in {path} do not fit their recipe: {found[0]}{further}. Train again.")
    for name, value in tensors.items():
        wrong = int((~value.isfinite()).sum())
        if wrong:
            raise UserError(
                f"{path} is of no use: {wrong} of the {value.numel()} numbers of '{name}' are not finite. "
                "Use an earlier checkpoint, or train again with a lower learning rate."
            )
    module.load_state_dict(tensors)


def _difference(name: str, found: Tensor, own: Tensor) -> str | None:
    if found.shape != own.shape:
        return f"'{name}' has shape {tuple(found.shape)}, not {tuple(own.shape)}"
    if found.is_floating_point() != own.is_floating_point() or found.is_complex():
        return f"'{name}' is of {found.dtype}, not {own.dtype}"
    return None


def kept_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that count in the checkpoint of a training: their moving average where there is one.

    Args:
        tensors: Tensors of the checkpoint.
    """
    return tensors_below("average.module", tensors) or tensors_below("learner", tensors)


def tensors_below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix and a dot, by the rest of their names.

    Args:
        prefix: The prefix.
        tensors: Tensors by name.
    """
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
