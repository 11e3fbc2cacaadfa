"""Gradient steps of a task's linear layer, kept as what they are made of and not as a matrix for each task.

The gradient of a linear layer's weights is a sum over the examples of outer products, of what the layer read with the
gradient of what it wrote. So a few steps on a few examples change a large matrix by one of low rank. Left as its
factors it costs a product with few rows, and all tasks share the large product, with the weights they began with.

Letters: T tasks, E examples, R examples of all steps so far, D numbers read, N numbers written.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class LowRankUpdate(NamedTuple):
    """What steps added to the weights of each task: the sum over r of the outer products of read_r and change_r."""

    read: Tensor
    """(T, R, D)."""
    change: Tensor
    """(T, R, N)."""


class UpdatedLinear(NamedTuple):
    """A linear layer of each task, without a bias: the weights that all of them began with, and the steps since."""

    weight: Tensor
    """(D, N)."""
    steps: LowRankUpdate
    """What the steps since added to the weights, for each task."""

    @classmethod
    def unchanged(cls, weight_DN: Tensor, num_tasks: int) -> "UpdatedLinear":
        """The layer before any step.

        Args:
            weight_DN: Weights that all tasks begin with.
            num_tasks: Tasks T.
        """
        none = (weight_DN.new_zeros(num_tasks, 0, size) for size in weight_DN.shape)
        return cls(weight_DN, LowRankUpdate(*none))

    def __call__(self, z_TED: Tensor) -> Tensor:
        """What the layer writes, (T, E, N).

        Args:
            z_TED: What the layer reads.
        """
        similar_TER = z_TED @ self.steps.read.transpose(1, 2)
        return torch.baddbmm(z_TED @ self.weight, similar_TER, self.steps.change)

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can be computed for something that the layer is made of."""
        return self.weight.requires_grad or any(part.requires_grad for part in self.steps)

    def constant(self) -> "UpdatedLinear":
        """The same layer without its history; gradients can be computed for its weights."""
        weight, (read, change) = self
        return UpdatedLinear(weight.detach().requires_grad_(), LowRankUpdate(read.detach(), change.detach()))


class WatchedLinear:
    """A layer that records what it reads and writes when it is called, so that a gradient step can follow.

    Args:
        layer: The layer.
        is_constant: Treat the step as a constant in later differentiation.
    """

    def __init__(self, layer: UpdatedLinear, *, is_constant: bool) -> None:
        self.layer, self.is_constant = layer, is_constant
        self.read = self.written = torch.empty(0)

    def __call__(self, z_TED: Tensor) -> Tensor:
        """What the layer writes, (T, E, N).

        Args:
            z_TED: What the layer reads.
        """
        self.read = z_TED.detach() if self.is_constant else z_TED
        self.written = (self.layer.constant() if self.is_constant else self.layer)(z_TED)
        return self.written

    def stepped(self, change_TEN: Tensor) -> UpdatedLinear:
        """The layer after a step.

        Args:
            change_TEN: Minus the rate, times the gradient of the loss with respect to what the layer wrote.
        """
        weight, (read, change) = self.layer
        return UpdatedLinear(
            weight, LowRankUpdate(torch.cat([read, self.read], dim=1), torch.cat([change, change_TEN], dim=1))
        )
