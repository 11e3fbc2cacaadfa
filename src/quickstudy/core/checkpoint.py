"""Weights on disk: safetensors with a JSON header, never a pickle, never half a file."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from quickstudy.core.errors import UserError

_KEY = "quickstudy"


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and what there is to say about them; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file(contiguous, temporary, metadata={_KEY: json.dumps(header)})
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())  # Else a crash of the machine could leave an empty file behind the name.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a checkpoint.

    Raises:
        UserError: if there is no such file, or it is damaged, or not one of ours.
    """
    with _opened(path) as file:
        header = _header(file, path)
        # Copies: what was mapped from the file would change, or crash, when somebody overwrites the file.
        return {name: file.get_tensor(name).clone() for name in file.keys()}, header  # noqa: SIM118


def read_header(path: Path) -> dict[str, Any]:
    """The header alone, without reading the tensors; raises as `load_checkpoint` does."""
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
    return dict(header)
