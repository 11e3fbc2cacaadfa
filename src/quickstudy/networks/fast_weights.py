"""Layers whose fast weights, which are made for a task, work beside their slow ones, which are trained.

Munkhdalai and Yu, "Meta Networks" (ICML 2017).

Letters: T tasks, E examples, S sets of fast weights kept for a task, B a flat batch, L positions of a map, I inputs and
O outputs of a layer; C H W images.
"""

import math
from collections.abc import Callable, Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

Branch = Callable[[int, Tensor], Tensor]
"""The fast half of each layer: its index and its inputs (T, E, …, I) to its outputs (T, E, …, O)."""


class AugmentedLayers(nn.Module):
    """A network's last layers with slow weights and fast ones. Their outputs are added, after the ReLU and at the end.

    They are a 3×3 convolution, 2×2 max-pooling that keeps the edge, and linear layers. They read maps (T, E, C, H, W).
    A convolution is a linear layer over the patches of a map, so here all layers are linear.

    Args:
        map_shape: Shape (C, H, W) of a map.
        widths: Outputs of each linear layer.
    """

    def __init__(self, map_shape: tuple[int, int, int], widths: Sequence[int]) -> None:
        super().__init__()
        channels, height, width = self.map_shape = map_shape
        sizes = [9 * channels, channels * math.ceil(height / 2) * math.ceil(width / 2), *widths]
        self.slow = nn.ModuleList(
            nn.Linear(inputs, channels if index == 0 else sizes[index + 1]) for index, inputs in enumerate(sizes[:-1])
        )

    def forward(self, maps: Tensor, *fast: Branch) -> Tensor:
        """The last layer's outputs (T, E, O).

        Args:
            maps: Maps (T, E, C, H, W).
            fast: Branches of fast weights, which work beside the slow ones.
        """
        x = self._patches(maps)
        for index, slow in enumerate(self.slow):
            branches = [slow(x), *(branch(index, x) for branch in fast)]
            if index == len(self.slow) - 1:
                break
            x = sum_of([F.relu(branch) for branch in branches])
            x = self._pooled(x)[0] if index == 0 else x
        return sum_of(branches)

    def gradients(self, maps: Tensor, loss_gradient: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """For each layer the gradient of each example's loss with respect to its slow weights, (T, E, O, I).

        No fast weights take part.

        Args:
            maps: Maps (T, E, C, H, W).
            loss_gradient: From the last layer's outputs (T, E, O) to the gradient of the loss with respect to them.
        """
        inputs, outputs = [self._patches(maps)], []
        for index, slow in enumerate(self.slow):
            outputs.append(slow(inputs[-1]))
            x = F.relu(outputs[-1])
            if index == 0:
                x, winners = self._pooled(x)
            inputs.append(x)
        delta, found = loss_gradient(outputs[-1]), []
        for index in reversed(range(len(self.slow))):
            if index == 0:
                found.append(delta.transpose(-1, -2) @ inputs[0])
                break
            found.append(delta[..., :, None] * inputs[index][..., None, :])
            delta = delta @ cast(Tensor, self.slow[index].weight)
            delta = self._unpooled(delta, winners) if index == 1 else delta
            delta = delta * (outputs[index - 1] > 0)
        return found[::-1]

    def _patches(self, maps: Tensor) -> Tensor:
        return F.unfold(maps.flatten(0, 1), 3, padding=1).transpose(1, 2).unflatten(0, maps.shape[:2])

    def _pooled(self, x_TELC: Tensor) -> tuple[Tensor, Tensor]:
        maps_BCHW = x_TELC.flatten(0, 1).transpose(1, 2).unflatten(2, self.map_shape[1:])
        pooled_BCHW, winners_BCHW = F.max_pool2d(maps_BCHW, 2, ceil_mode=True, return_indices=True)
        return pooled_BCHW.flatten(1).unflatten(0, x_TELC.shape[:2]), winners_BCHW

    def _unpooled(self, delta: Tensor, winners_BCHW: Tensor) -> Tensor:
        channels, height, width = self.map_shape
        nothing_BCL = delta.new_zeros(len(winners_BCHW), channels, height * width)
        won_BCL = delta.reshape(winners_BCHW.shape).flatten(2)
        return nothing_BCL.scatter(2, winners_BCHW.flatten(2), won_BCL).transpose(1, 2).unflatten(0, delta.shape[:2])


def for_whole_tasks(weights: Sequence[Tensor]) -> Branch:
    """A branch with the same weights for all examples of a task.

    Args:
        weights: Weights (T, O, I) of each layer.
    """
    return lambda index, x: (x.flatten(1, -2) @ weights[index].transpose(1, 2)).unflatten(1, x.shape[1:-1])


def mixed(memory: Sequence[Tensor], attention_TES: Tensor) -> Branch:
    """A branch that mixes the kept weights anew for each example.

    A layer is linear in its weights. So each set of kept weights is applied to all examples at once and the outputs are
    mixed; no example needs weights of its own.

    Args:
        memory: Kept weights (T, S, O, I) of each layer.
        attention_TES: Share of each set of weights for each example.
    """

    def branch(index: int, x: Tensor) -> Tensor:
        weights_TSOI = memory[index]
        outputs = x.flatten(1, -2) @ weights_TSOI.flatten(1, 2).transpose(1, 2)
        outputs_TELSO = outputs.unflatten(2, weights_TSOI.shape[1:3]).unflatten(1, (x.shape[1], x.shape[2:-1].numel()))
        mixed_TELO = (attention_TES[:, :, None, None, :].to(outputs.dtype) @ outputs_TELSO).squeeze(3)
        return mixed_TELO.reshape(*x.shape[:-1], weights_TSOI.shape[2])

    return branch


def sum_of(branches: Sequence[Tensor]) -> Tensor:
    """The sum of the outputs of all branches.

    Args:
        branches: Outputs of equal shape.
    """
    total = branches[0]
    for branch in branches[1:]:
        total = total + branch
    return total
