"""Conversion of arrays, lists and integers to tensors in a learner's precision and on its device."""

from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from quickstudy.core.errors import UserError

_BRIGHTEST = {torch.uint8: 255, torch.uint16: 65535}
"""The value of white in images of these types; other integer types do not say how bright white is."""


def own_tensor(module: nn.Module) -> Tensor | None:
    """The first floating point parameter or buffer of a module, which shows its precision and device. None without one.

    Args:
        module: a learner or another module.
    """
    own = chain(module.parameters(), module.buffers())
    return next((tensor for tensor in own if tensor.is_floating_point()), None)


def as_floats(name: str, values: Any, like: Tensor | None, *, is_image: bool = False) -> Tensor:
    """Convert numbers to floating point.

    Images have four dimensions, or `is_image` says so. In images, True is ink (one). Integers are divided by the
    largest number of their type, unless they are only 0 and 1. Other integers are plain numbers.

    Args:
        name: the name of the values in error messages.
        values: a tensor, an array or a list.
        like: gives precision and device. None keeps those of the values.
        is_image: whether the values are images, whatever their dimensions.

    Raises:
        UserError: if the values are not numbers, are on another device, or are images of an integer type without a
            scale.
    """
    tensor = _as_tensor(name, values, like)
    dtype = like.dtype if like is not None else _own_precision(tensor)
    is_integer = not tensor.is_floating_point() and tensor.dtype != torch.bool
    if is_integer and (is_image or tensor.ndim >= 4):
        return _as_ink(name, tensor, dtype)
    return tensor.to(dtype)


def as_labels(name: str, values: Any, like: Tensor | None) -> Tensor:
    """Convert class indices to int64.

    Args:
        name: the name of the labels in error messages.
        values: a tensor, an array or a list of integers.
        like: gives the device. None keeps that of the values.

    Raises:
        UserError: if the labels are not integers, or are on another device.
    """
    tensor = _as_tensor(name, values, like)
    refuse_labels_of_another_kind(name, tensor)
    return tensor.to(torch.int64)


def as_mask(name: str, values: Any, like: Tensor) -> Tensor:
    """Convert a mask to booleans.

    Args:
        name: the name of the mask in error messages.
        values: a tensor, an array or a list of booleans.
        like: gives the device.

    Raises:
        UserError: if the values are not booleans, or are on another device.
    """
    tensor = _as_tensor(name, values, like)
    if tensor.dtype != torch.bool:
        raise UserError(
            f"{name} holds {type_name(tensor)}, but booleans were expected, True where an example is real. "
            "Compare the lengths, as in torch.arange(S) < lengths[:, None], or pass mask.bool()."
        )
    return tensor


def refuse_labels_of_another_kind(name: str, labels: Tensor) -> None:
    """Refuse labels that are not integers.

    Args:
        name: the name of the labels in error messages.
        labels: what is checked.

    Raises:
        UserError: if the labels are not integers.
    """
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise UserError(
            f"{name} holds {type_name(labels)}, but class indices (integers) were expected. "
            "Number the classes of each task 0, 1, 2, … and pass y.long()."
        )


def type_name(tensor: Tensor) -> str:
    """The name of a tensor's type, without the prefix "torch.".

    Args:
        tensor: has the type.
    """
    return str(tensor.dtype).removeprefix("torch.")


def _as_tensor(name: str, values: Any, like: Tensor | None) -> Tensor:
    if not isinstance(values, Tensor):
        tensor = torch.from_numpy(_as_array(name, values))
        return tensor if like is None else tensor.to(like.device)
    if like is not None and values.device != like.device:
        raise UserError(
            f"{name} is on the device {values.device}, but the learner and its states are on {like.device}. "
            f"Move it there with {name}.to('{like.device}'), or the learner with learner.to('{values.device}') "
            "and a state with move_state."
        )
    if values.is_complex():
        raise UserError(f"{name} holds {type_name(values)}, but real numbers were expected.")
    return values


def _as_array(name: str, values: Any) -> np.ndarray:
    """Copy values to an array, so that later changes of the original do not reach the tensor made from it."""
    if isinstance(values, (list, tuple)):
        values = [part.detach().cpu().numpy() if isinstance(part, Tensor) else part for part in values]
    try:
        array = np.array(values, order="C")
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{name} is no array of numbers ({error}). Give every task as many examples, of one shape; fill short "
            "tasks up and say what is real with support_mask."
        ) from None
    if array.dtype.kind not in "biuf":
        raise UserError(
            f"{name} holds {array.dtype} ({type(values).__name__}), but a tensor, or an array or list of numbers, was "
            "expected."
        )
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def _own_precision(tensor: Tensor) -> torch.dtype:
    return tensor.dtype if tensor.is_floating_point() else torch.get_default_dtype()


@torch.no_grad()
def _as_ink(name: str, images: Tensor, dtype: torch.dtype) -> Tensor:
    numbers = images.to(torch.int64)
    if bool(((numbers == 0) | (numbers == 1)).all()):
        return numbers.to(dtype)
    brightest = _BRIGHTEST.get(images.dtype)
    if brightest is None:
        raise UserError(
            f"{name} holds images of {type_name(images)}, which do not say how bright white is. Divide them by their "
            "white, as in images / 255, or pass uint8 (255 is ink) or uint16 (65535 is ink)."
        )
    return (numbers.to(torch.promote_types(dtype, torch.float32)) / brightest).to(dtype)
