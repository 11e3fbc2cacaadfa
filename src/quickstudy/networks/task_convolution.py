"""A convolution whose weights differ from task to task, as fast in its second derivative as in its first.

Channels come last, so a task's convolution is one product of two matrices, the patches that it reads and its weights,
and all tasks' are one batch of products. As long as all tasks have the same weights, as in the first of MAML's inner
steps, it and its gradient for the input are ordinary convolutions of all tasks' images; the gradient for the weights is
each task's own all the same.

The three maps that are linear in each of their two arguments, output, gradient for the input and gradient for the
weights, are each other's derivatives, to any order; so what was read once is read no second time.

Letters: T tasks, E examples, I input and O output channels; H W images; M positions of all of a task's outputs; P the
numbers of a patch, 9·I.
"""

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from quickstudy.core.tracing import is_traced
from quickstudy.networks.attention import full_precision

# Two rows of the input belong to each row of outputs. Its first is read by the kernel's middle row for those outputs;
# its second by the last row for them, and by the first row for the outputs one further down. So it is for columns.
_REACHED_BY = (((1, 0),), ((2, 0), (0, 1)))


def halving_convolution(x_TEHWI: Tensor, weights_TOIHW: Tensor) -> Tensor:
    """The 3×3 convolution of stride two and padding one, to (T, E, ⌈H/2⌉, ⌈W/2⌉, O).

    Args:
        x_TEHWI: Images.
        weights_TOIHW: Weights of each task, 3×3.
    """
    if is_traced():  # A graph has one way for shared and for own weights.
        outputs_TMO = patches(x_TEHWI) @ as_matrices(weights_TOIHW)
        height, width = ((side + 1) // 2 for side in x_TEHWI.shape[2:4])
        return outputs_TMO.view(*x_TEHWI.shape[:2], height, width, outputs_TMO.shape[2])
    return _applied(_Output, x_TEHWI, as_matrices(weights_TOIHW), patches(x_TEHWI.detach()))


def patches(x_TEHWI: Tensor) -> Tensor:
    """What each output of the convolution reads, (T, M, P).

    Args:
        x_TEHWI: Images.
    """
    height, width = x_TEHWI.shape[2:4]
    padded = F.pad(x_TEHWI, (0, 0, 1, width % 2, 1, height % 2))
    windows_TEHWI33 = padded.unfold(2, 3, 2).unfold(3, 3, 2)
    return windows_TEHWI33.permute(0, 1, 2, 3, 5, 6, 4).reshape(len(x_TEHWI), -1, 9 * x_TEHWI.shape[-1])


def as_matrices(weights_TOIHW: Tensor) -> Tensor:
    """The weights as matrices that patches are multiplied by, (T, P, O). It copies nothing if they come from
    `for_tasks`.

    Args:
        weights_TOIHW: Weights of each task, 3×3.
    """
    return weights_TOIHW.permute(0, 3, 4, 2, 1).flatten(1, 3)


def for_tasks(weight_OIHW: Tensor, num_tasks: int) -> Tensor:
    """The same weights for all tasks, (T, O, I, H, W), in memory in the order of `as_matrices`.

    Args:
        weight_OIHW: The weights.
        num_tasks: Tasks T.
    """
    weight_HWIO = weight_OIHW.permute(2, 3, 1, 0).contiguous()
    return weight_HWIO.expand(num_tasks, *weight_HWIO.shape).permute(0, 4, 3, 1, 2)


class _Output(Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weights_TPO: Tensor, patches_TMP: Tensor) -> Tensor:
        context.save_for_backward(x, weights_TPO, patches_TMP)
        with full_precision(x):
            if _are_shared(weights_TPO):
                return _as_tasks(F.conv2d(_as_batch(x), _kernel(weights_TPO), stride=2, padding=1), len(x))
            height, width = ((side + 1) // 2 for side in x.shape[2:4])
            return torch.bmm(patches_TMP, weights_TPO).view(*x.shape[:2], height, width, -1)

    @staticmethod
    def backward(context: Any, upstream: Tensor) -> tuple[Any, ...]:
        x, weights_TPO, patches_TMP = context.saved_tensors
        wants_x, wants_weights, _ = context.needs_input_grad
        for_x = _applied(_ForInput, upstream, weights_TPO, x.shape[2:4]) if wants_x else None
        return for_x, _applied(_ForWeights, upstream, x, patches_TMP) if wants_weights else None, None


class _ForInput(Function):
    @staticmethod
    def forward(context: Any, upstream: Tensor, weights_TPO: Tensor, size: tuple[int, int]) -> Tensor:
        context.save_for_backward(upstream, weights_TPO)
        with full_precision(upstream):
            if not _are_shared(weights_TPO):
                return _for_input_of_each(upstream, weights_TPO, size)
            rest = [(side + 1) % 2 for side in size]
            batch = F.conv_transpose2d(_as_batch(upstream), _kernel(weights_TPO), None, 2, 1, rest)
            return _as_tasks(batch, len(upstream))

    @staticmethod
    def backward(context: Any, x: Tensor) -> tuple[Any, ...]:
        upstream, weights_TPO = context.saved_tensors
        wants_upstream, wants_weights, _ = context.needs_input_grad
        patches_TMP = patches(x.detach())
        for_upstream = _applied(_Output, x, weights_TPO, patches_TMP) if wants_upstream else None
        return for_upstream, _applied(_ForWeights, upstream, x, patches_TMP) if wants_weights else None, None


class _ForWeights(Function):
    @staticmethod
    def forward(context: Any, upstream: Tensor, x: Tensor, patches_TMP: Tensor) -> Tensor:
        context.save_for_backward(upstream, x, patches_TMP)
        with full_precision(x):
            return torch.bmm(patches_TMP.transpose(1, 2), upstream.flatten(1, 3))

    @staticmethod
    def backward(context: Any, weights_TPO: Tensor) -> tuple[Any, ...]:
        upstream, x, patches_TMP = context.saved_tensors
        wants_upstream, wants_x, _ = context.needs_input_grad
        for_upstream = _applied(_Output, x, weights_TPO, patches_TMP) if wants_upstream else None
        return for_upstream, _applied(_ForInput, upstream, weights_TPO, x.shape[2:4]) if wants_x else None, None


def _for_input_of_each(upstream_TEHWO: Tensor, weights_TPO: Tensor, size: tuple[int, int]) -> Tensor:
    """The gradient for the input, by each task's own weights.

    Of each two by two pixels the first is reached by the middle of the kernel, two by two of its numbers, one by four:
    four sums of products, and nothing is as large as the patches.
    """
    height, width = upstream_TEHWO.shape[2:4]
    kernel_T33OI = weights_TPO.unflatten(1, (3, 3, -1)).transpose(3, 4)
    padded = F.pad(upstream_TEHWO, (0, 0, 0, 1, 0, 1))
    upstream_TMO = {
        (down, right): padded[:, :, down : down + height, right : right + width].flatten(1, 3)
        for down, right in product((0, 1), repeat=2)
    }
    pixels = upstream_TEHWO.new_empty(*upstream_TEHWO.shape[:2], 2 * height, 2 * width, kernel_T33OI.shape[-1])
    for row, column in product((0, 1), repeat=2):
        factors, *others = [
            (upstream_TMO[down, right], kernel_T33OI[:, i, j])
            for (i, down), (j, right) in product(_REACHED_BY[row], _REACHED_BY[column])
        ]
        sum_TMI = torch.bmm(*factors)
        for factors in others:
            sum_TMI.baddbmm_(*factors)
        place = pixels[:, :, row::2, column::2]
        place.copy_(sum_TMI.view(place.shape))
    return pixels[:, :, : size[0], : size[1]]


def _are_shared(weights_TPO: Tensor) -> bool:
    return len(weights_TPO) == 1 or weights_TPO.stride(0) == 0


def _kernel(weights_TPO: Tensor) -> Tensor:
    """The first task's weights (O, I, 3, 3)."""
    return weights_TPO[0].unflatten(0, (3, 3, -1)).permute(3, 2, 0, 1)


def _as_batch(x_TEHWC: Tensor) -> Tensor:
    return x_TEHWC.flatten(0, 1).permute(0, 3, 1, 2)


def _as_tasks(x_BCHW: Tensor, num_tasks: int) -> Tensor:
    return x_BCHW.permute(0, 2, 3, 1).unflatten(0, (num_tasks, -1))


def _applied(function: Any, *arguments: Any) -> Tensor:
    applied: Tensor = function.apply(*arguments)
    return applied
