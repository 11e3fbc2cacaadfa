"""A convolution whose weights differ from task to task, as fast in its second derivative as in its first.

Tasks lie side by side in the channels, so one grouped convolution serves all of them. PyTorch differentiates such a
convolution a second time group by group. Here the three maps that are linear in each of their two arguments, output,
gradient for the input and gradient for the weights, are each other's derivatives, to any order.

Letters: E examples, T tasks, I input and O output channels of a task; H W images.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function


def halving_convolution(x: Tensor, weights_TOIHW: Tensor) -> Tensor:
    """The 3×3 convolution of stride two and padding one of x (E, T·I, H, W), to (E, T·O, ⌈H/2⌉, ⌈W/2⌉)."""
    return _applied(_Output, x, weights_TOIHW.flatten(0, 1), len(weights_TOIHW))


class _Output(Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weights: Tensor, groups: int) -> Tensor:
        context.save_for_backward(x, weights)
        context.groups = groups
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x, weights, stride=2, padding=1, groups=groups)

    @staticmethod
    def backward(context: Any, upstream: Tensor) -> tuple[Any, ...]:
        x, weights = context.saved_tensors
        wants_x, wants_weights, _ = context.needs_input_grad
        for_x = _applied(_ForInput, upstream, weights, context.groups, x) if wants_x else None
        return for_x, _applied(_ForWeights, upstream, x, context.groups) if wants_weights else None, None


class _ForInput(Function):
    @staticmethod
    def forward(context: Any, upstream: Tensor, weights: Tensor, groups: int, like: Tensor) -> Tensor:
        context.save_for_backward(upstream, weights)
        context.groups = groups
        return _gradient(upstream, like, weights, groups, 0)

    @staticmethod
    def backward(context: Any, x: Tensor) -> tuple[Any, ...]:
        upstream, weights = context.saved_tensors
        wants_upstream, wants_weights, *_ = context.needs_input_grad
        for_upstream = _applied(_Output, x, weights, context.groups) if wants_upstream else None
        for_weights = _applied(_ForWeights, upstream, x, context.groups) if wants_weights else None
        return for_upstream, for_weights, None, None


class _ForWeights(Function):
    @staticmethod
    def forward(context: Any, upstream: Tensor, x: Tensor, groups: int) -> Tensor:
        context.save_for_backward(upstream, x)
        context.groups = groups
        like = upstream.new_empty(upstream.shape[1], x.shape[1] // groups, 3, 3)  # Its shape alone is read.
        return _gradient(upstream, x, like, groups, 1)

    @staticmethod
    def backward(context: Any, weights: Tensor) -> tuple[Any, ...]:
        upstream, x = context.saved_tensors
        wants_upstream, wants_x, _ = context.needs_input_grad
        for_upstream = _applied(_Output, x, weights, context.groups) if wants_upstream else None
        return for_upstream, _applied(_ForInput, upstream, weights, context.groups, x) if wants_x else None, None


def _gradient(upstream: Tensor, x: Tensor, weights: Tensor, groups: int, index: int) -> Tensor:
    """For x (index 0) or for the weights (1)."""
    wanted = [index == 0, index == 1, False]
    geometry = ([2, 2], [1, 1], [1, 1], False, [0, 0])
    found: Tensor = torch.ops.aten.convolution_backward(upstream, x, weights, None, *geometry, groups, wanted)[index]
    return found


def _applied(function: Any, *arguments: Any) -> Tensor:
    applied: Tensor = function.apply(*arguments)
    return applied
