"""How arrays of images become numbers from 0 to 1, decided once for a whole data set.

| type                     | read as                                                                              |
| booleans                 | 0 and 1                                                                              |
| integers, only 0 and 1   | as they are                                                                          |
| uint8                    | divided by 255                                                                       |
| uint16                   | divided by 65535, or by 4095 where nothing is larger: 12 bits, as many cameras have  |
| other integers           | refused: they do not say how bright white is                                         |
| floats                   | as they are; refused where they go from 0 to more than 1, or far beyond one          |

Vectors are no images: their floats may be any, and their integers are numbers, except that bytes are divided by 255.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import UserError

_TOLERANCE = 0.01  # Interpolation overshoots a little.
_STANDARDISED = 20.0  # Deviations from the mean; farther away no pixel of a standardised image lies.
_FIRST, _CHUNK = 1 << 12, 1 << 22  # Numbers looked at in one go, at first and then.


class Scaled(NamedTuple):
    """Images in a type that can be gathered, and their scale."""

    images: Tensor
    """The images."""
    scale: float
    """The factor that turns their numbers into floats from 0 to 1."""


def read_images(images: Tensor | np.ndarray, name: str = "images", *, are_vectors: bool = False) -> Scaled:
    """Decide once how the numbers of a data set are read.

    Args:
        images: the whole data set, of any shape.
        name: its name in error messages.
        are_vectors: whether they are vectors, so that any numbers are valid.

    Raises:
        UserError: if the numbers do not say which number is white, or one is NaN or infinite.
    """
    given = as_tensor(images, name)
    if given.device.type == "meta":
        return Scaled(given, 1.0)
    if given.is_complex():
        raise UserError(f"{name} holds complex numbers, but booleans, integers or floats were expected.")
    if given.is_floating_point():
        _refuse_floats(given, name, are_vectors=are_vectors)
        return Scaled(given, 1.0)
    if given.dtype == torch.uint16:
        # As floats at once: torch can do little with this type.
        highest = int(given.int().max()) if given.numel() else 0
        white = 1 if highest <= 1 or are_vectors else 4095 if highest <= 4095 else 65535
        return Scaled(given.float() / white, 1.0)
    if given.dtype == torch.bool or (are_vectors and given.dtype != torch.uint8) or _is_ink(given):
        return Scaled(given, 1.0)
    if given.dtype == torch.uint8:
        return Scaled(given, 1 / 255)
    raise UserError(
        f"{name} holds {_type(given)} from {int(given.min())} to {int(given.max())}, which does not say how bright "
        "white is. Divide by the value of white, such as images / 255.0, or pass uint8 or uint16."
    )


def read_batch(images: Tensor) -> Scaled:
    """Decide how a batch of generated images is read. Numbers of 16 bits are divided by 65535.

    Floats are not checked, so that nothing has to wait for the device.

    Args:
        images: the batch, of any shape.
    """
    if images.is_floating_point():
        return Scaled(images, 1.0)
    if images.dtype == torch.uint16:
        return Scaled(images.float() / 65535, 1.0)
    return read_images(images)


def turnable(images: Tensor | np.ndarray) -> Tensor:
    """Convert images to a type that torch can turn and mirror. Only those of 16 bits change.

    Args:
        images: of any shape.
    """
    given = as_tensor(images)
    return read_images(given).images if given.dtype == torch.uint16 else given


def as_tensor(images: Tensor | np.ndarray, name: str = "images") -> Tensor:
    """Convert an array to a tensor, without a copy where possible.

    Args:
        images: of any shape.
        name: its name in error messages.

    Raises:
        UserError: if it is not an array of real numbers.
    """
    if isinstance(images, Tensor):
        return images
    try:
        array = np.asarray(images)
        # Torch takes no other order of bytes, no negative strides, and warns of arrays that may not be written to.
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = array.copy()
        return torch.from_numpy(array)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{name} cannot be read as one array of numbers ({error}). Pass a tensor or a NumPy array."
        ) from error


def _is_ink(integers: Tensor) -> bool:
    """Whether there are only zeros and ones. In most images the first numbers decide."""
    flat = integers.reshape(-1)
    starts = (0, *range(_FIRST, len(flat), _CHUNK))
    parts = (flat[start : start + (_CHUNK if start else _FIRST)] for start in starts)
    return all(bool(((part == 0) | (part == 1)).all()) for part in parts)


def _refuse_floats(images: Tensor, name: str, *, are_vectors: bool) -> None:
    if images.numel() == 0:
        return
    lowest, highest = (float(bound) for bound in images.aminmax())
    if not np.isfinite(lowest + highest):
        bad = ~images.isfinite()
        place = tuple(bad.nonzero()[0].tolist())
        raise UserError(
            f"{name} holds {int(bad.sum())} numbers that are NaN or infinite, the first at {place}. "
            "Leave those images out, or mend them."
        )
    if are_vectors:
        return
    is_standardised = lowest < -_TOLERANCE and max(-lowest, highest) <= _STANDARDISED
    if not is_standardised and (highest > 1 + _TOLERANCE or lowest < -_TOLERANCE):
        raise UserError(
            f"{name} holds floats from {lowest:g} to {highest:g}, but images of floats go from 0 to 1. "
            "Divide by the value of white, such as images / 255."
        )


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
