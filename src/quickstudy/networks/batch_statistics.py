"""Normalisation by a batch's own statistics, whose second derivative takes few passes over the batch; PyTorch's, many.

Normalised, y = r (x − mean x) with the rate r = 1 / √(var x + ε). Its derivative is r P, where P g = g − mean g −
y mean(y g) takes a batch g to a batch and is its own transpose; and the derivatives of r P g are known in closed form
as well.

Letters: T tasks, M rows of a task, C channels.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from quickstudy.core.tracing import is_traced

EPSILON = 1e-3  # As TensorFlow's layers have it, in which MAML and Reptile were written.

Normaliser = Callable[[Tensor, Tensor | None, Tensor], Tensor]
"""Normalises (T, E, …, C) and then scales and shifts by (T, C); called for a network's layers in their order."""


def among_themselves(y: Tensor, scale_TC: Tensor | None, shift_TC: Tensor) -> Tensor:
    """Normalise by the mean and variance of each channel over a task's examples and their positions.

    Args:
        y: What a layer wrote, (T, E, …, C).
        scale_TC: Factor of each channel after the normalisation; None does not scale.
        shift_TC: What is added to each channel afterwards.
    """
    y_TMC = standardised(y.flatten(1, -2), EPSILON)
    shift_T1C = shift_TC[:, None]
    y_TMC = y_TMC + shift_T1C if scale_TC is None else torch.addcmul(shift_T1C, y_TMC, scale_TC[:, None])
    return y_TMC.view(y.shape)


class Recording:
    """Normalises examples among themselves and records their statistics."""

    def __init__(self) -> None:
        self.moments: list[Tensor] = []
        """Mean and variance (T, 2, C) of each layer."""

    def __call__(self, y: Tensor, scale_TC: Tensor | None, shift_TC: Tensor) -> Tensor:
        """Normalise the examples among themselves.

        Args:
            y: What a layer wrote, (T, E, …, C).
            scale_TC: Factor of each channel after the normalisation; None does not scale.
            shift_TC: What is added to each channel afterwards.
        """
        variance_TC, mean_TC = torch.var_mean(y.flatten(1, -2), dim=1, correction=0)
        self.moments.append(torch.stack([mean_TC, variance_TC], dim=1))
        return among_themselves(y, scale_TC, shift_TC)


class Beside:
    """Normalises each example together with a recorded batch of others, so that no example sees another.

    The statistics of the others do not change. So nothing of them is computed again, however many examples there are.

    Args:
        moments: Mean and variance (T, 2, C) of the others in each layer, as `Recording` records them.
        count_T: Number of the others.
    """

    def __init__(self, moments: Sequence[Tensor], count_T: Tensor) -> None:
        self._rest, self._share_T11 = iter(moments), 1 / (count_T[:, None, None] + 1)

    def __call__(self, y: Tensor, scale_TC: Tensor | None, shift_TC: Tensor) -> Tensor:
        """Normalise each example beside the others. Call this once for each layer, in order.

        Args:
            y: What a layer wrote, (T, E, …, C).
            scale_TC: Factor of each channel after the normalisation; None does not scale.
            shift_TC: What is added to each channel afterwards.
        """
        mean_T1C, variance_T1C = next(self._rest).split(1, dim=1)
        y_TELC = y.flatten(2, -2) if y.ndim > 3 else y[:, :, None]
        own_variance_TEC, own_mean_TEC = torch.var_mean(y_TELC, dim=2, correction=0)
        # Two batches as one: the mean of their variances, and what lies between their means.
        share_T11 = self._share_T11
        away_TEC = own_mean_TEC - mean_T1C
        both_mean_TEC = mean_T1C + share_T11 * away_TEC
        both_variance_TEC = (1 - share_T11) * (variance_T1C + share_T11 * away_TEC.square())
        both_variance_TEC = both_variance_TEC + share_T11 * own_variance_TEC
        factor_TEC = (both_variance_TEC + EPSILON).rsqrt() * (1.0 if scale_TC is None else scale_TC[:, None])
        normalised_TELC = (y_TELC - both_mean_TEC[:, :, None]) * factor_TEC[:, :, None] + shift_TC[:, None, None]
        return normalised_TELC.reshape(y.shape)


def standardised(x_TMC: Tensor, epsilon: float) -> Tensor:
    """For each channel of each task: subtract the mean over the rows, and divide by the standard deviation.

    It can be differentiated twice.

    Args:
        x_TMC: Rows of each task.
        epsilon: What is added to the variance before its root is taken.
    """
    if is_traced():
        centred_TMC = x_TMC - _mean(x_TMC)
        return centred_TMC * (_mean(centred_TMC.square()) + epsilon).rsqrt()
    y_TMC: Tensor = _Standardised.apply(x_TMC, epsilon)  # type: ignore[no-untyped-call]
    return y_TMC


class _Standardised(Function):
    @staticmethod
    def forward(context: Any, x: Tensor, epsilon: float) -> Tensor:
        y = x - _mean(x)
        rate = (_mean(y.square()) + epsilon).rsqrt()
        y *= rate
        context.save_for_backward(x, y, rate)
        return y

    @staticmethod
    def backward(context: Any, upstream: Tensor) -> tuple[Any, ...]:
        x, y, rate = context.saved_tensors
        return _Gradient.apply(upstream, x, y.detach(), rate), None  # type: ignore[no-untyped-call]


class _Gradient(Function):
    """r P g, as a function of the upstream gradient g and of x, which y and r were made of."""

    @staticmethod
    def forward(context: Any, upstream: Tensor, x: Tensor, y: Tensor, rate: Tensor) -> Tensor:
        context.save_for_backward(upstream, y, rate)
        projected, _ = _projected(upstream, y)
        return projected.mul_(rate)

    @staticmethod
    @once_differentiable
    def backward(context: Any, direction: Tensor) -> tuple[Any, ...]:
        upstream, y, rate = context.saved_tensors
        of_upstream, along_upstream = _projected(upstream, y)
        of_direction, along_direction = _projected(direction, y)
        for_upstream = of_direction * rate
        # From y in P, along which both have a share, and from r.
        for_x = _mean(direction * of_upstream) * y
        for_x.addcmul_(of_upstream, along_direction).addcmul_(of_direction, along_upstream)
        return for_upstream, for_x.mul_(-rate.square()), None, None


def _projected(g: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """P g, and the share mean(y g) of g that lies along y."""
    along = _mean(g * y)
    return (g - _mean(g)).addcmul_(y, along, value=-1), along


def _mean(x_TMC: Tensor) -> Tensor:
    return x_TMC.mean(dim=1, keepdim=True)
