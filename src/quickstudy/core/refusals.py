"""Refusals of tensors for what they hold: another shape, NaN, infinity, numbers out of range. A warning of inverted
images.
"""

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from quickstudy.core.conversion import type_name
from quickstudy.core.errors import UserError
from quickstudy.core.learner import Learner
from quickstudy.core.ragged import without_padding

Range = tuple[float, float]

_SLACK = 0.01
"""By how much of a range inputs may lie beyond it: what interpolation and rounding add to an image."""
_PAPER = 0.75
"""Drawings cover little of their paper: a support that is brighter on average has paper for ink."""


def refuse_other_examples(name: str, x: Tensor, expected: Sequence[int] | None) -> None:
    """Refuse examples of another shape.

    Args:
        name: the name of the examples in the error message.
        x: examples (T, E, *input).
        expected: the shape of one input. None if any shape is valid.

    Raises:
        UserError: if the examples have another shape.
    """
    found = tuple(x.shape[2:])
    if expected is None or found == tuple(expected):
        return
    wanted = tuple(expected)
    remedy = "Prepare inputs like that, or build the learner for these."
    if found == wanted[1:] and wanted[0] == 1:
        remedy = "Add the dimension of channels, as in images[:, :, None]."
    elif len(found) == 3 and found != found[-1:] + found[:-1] == wanted:
        remedy = "Put channels before rows and columns, as in images.movedim(-1, 2)."
    elif sorted(found) == sorted(wanted):
        remedy = "Swap the axes, so that channels come before rows and rows before columns."
    elif x.shape[1:] == wanted:
        remedy = "Add the task dimension, as in images[None]."
    elif len(found) == len(wanted) == 3:
        remedy = "Resize the images, or build the learner for these."
    raise UserError(f"An example of {name} has shape {found}, but the learner reads {wanted}. {remedy}")


@torch.no_grad()
def refuse_numbers(name: str, x: Tensor, mask: Tensor | None, bounds: Range | None, learner: Learner) -> None:
    """Refuse numbers that are NaN, infinite or out of range. Padding is not checked.

    Args:
        name: the name of the numbers in the error message.
        x: examples (T, E, …).
        mask: (T, E), True where an example is real. None if all are real.
        bounds: lowest and highest valid number. None if any finite number is valid.
        learner: its class is named in the error message.

    Raises:
        UserError: if a number is invalid.
    """
    seen = x if mask is None else x[mask]
    if not seen.numel():
        return
    lowest, highest = torch.stack(seen.aminmax()).tolist()
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        is_bad = ~x.isfinite() if mask is None else without_padding(~x.isfinite(), mask)
        task, example = is_bad.nonzero()[0, :2].tolist()
        raise UserError(
            f"{name} holds numbers that are NaN or infinite in {type_name(x)}: {int(is_bad.sum())}, the first in task "
            f"{task}, example {example} (counted from 0). Replace them, or leave these examples out."
        )
    if bounds is None:
        return
    low, high = bounds
    slack = _SLACK * (high - low)
    if lowest < low - slack or highest > high + slack:
        value = lowest if lowest < low - slack else highest
        raise UserError(
            f"{name} holds {value:g}, but {type(learner).__name__} reads numbers from {low:g} to {high:g} there, paper "
            f"{low:g} and ink {high:g}. {_remedy(lowest, highest)}"
        )


def _remedy(lowest: float, highest: float) -> str:
    if lowest < 0:
        return "Pass images as they were before they were standardised, paper 0 and ink 1."
    return f"Divide images of 0 to {255 if highest <= 255 else 65535} by {255 if highest <= 255 else 65535}."


@torch.no_grad()
def warn_of_paper(learner: Learner, x: Tensor, mask: Tensor | None) -> None:
    """Warn of drawings that are so bright that they are probably inverted: paper 1 and ink 0.

    Args:
        learner: reads the drawings. Nothing is done in training mode, or if it has no range of inputs.
        x: the inputs of the support, (T, S, *image).
        mask: (T, S), True where an example is real. None if all are real.
    """
    if learner.training or learner.input_range is None:
        return
    low, high = learner.input_range
    mean = float((x if mask is None else x[mask]).mean())
    if mean > low + _PAPER * (high - low):
        warnings.warn(
            f"The mean of support_x is {mean:.2f}: paper seems to be {high:g} and ink {low:g}, but "
            f"{type(learner).__name__} was trained on the reverse. Pass {low + high:g} - images, queries too.",
            UserWarning,
            stacklevel=4,
        )
