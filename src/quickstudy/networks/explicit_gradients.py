"""Gradients of functional networks written out, layer by layer. A graph cannot call automatic differentiation.

Normalised numbers y = r (x − mean x) have the derivative r P, as in `batch_statistics.py`.

Letters: T tasks, E examples, M rows of a task, L positions of a map, C channels, D features, N outputs; P the numbers
of a patch of an image, O the channels made of it.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.networks.batch_statistics import EPSILON
from quickstudy.networks.functional import FunctionalConv4, FunctionalNetwork, FunctionalPerceptron, Weights
from quickstudy.networks.task_convolution import as_matrices, patches

Backward = Callable[[Tensor], Weights]
"""From the gradient of a loss for the outputs (T, E, N) to its gradients for the weights, by name."""

_Step = Callable[[Tensor, Weights], Tensor]


def with_gradients(network: FunctionalNetwork, weights: Weights, x: Tensor) -> tuple[Tensor, Backward]:
    """The outputs (T, E, N) of a network, normalised among themselves, and its gradients.

    Args:
        network: The network.
        weights: Weights (T, …) of each task by name.
        x: Inputs (T, E, *input).

    Raises:
        TypeError: if the gradients of such a network are not written here.
    """
    steps: list[_Step] = []
    if isinstance(network, FunctionalConv4):
        z_TED = _convolved(network, weights, x, steps)
    elif isinstance(network, FunctionalPerceptron):
        z_TED = _perceived(network, weights, x, steps)
    else:
        raise TypeError(f"{type(network).__name__} has no gradients that are written out.")

    def backward(upstream_TEN: Tensor) -> Weights:
        found: Weights = {"head": z_TED.transpose(1, 2) @ upstream_TEN, "head_bias": upstream_TEN.sum(dim=1)}
        upstream = upstream_TEN @ weights["head"].transpose(1, 2)
        for step in reversed(steps):
            upstream = step(upstream, found)
        return found

    return torch.baddbmm(weights["head_bias"][:, None], z_TED, weights["head"]), backward


def _convolved(network: FunctionalConv4, weights: Weights, x: Tensor, steps: list[_Step]) -> Tensor:
    y_TEHWC = x.movedim(2, -1)
    for block in range(network.blocks):
        y_TEHWC = _block(network, weights, block, y_TEHWC, steps)
    height, width = y_TEHWC.shape[2:4]
    y_TELC = y_TEHWC.flatten(2, 3)

    def unpooled(upstream_TED: Tensor, found: Weights) -> Tensor:
        if network.pooling == "mean":
            spread_TELC = (upstream_TED / (height * width))[:, :, None].expand(y_TELC.shape)
        else:
            spread_TELC = upstream_TED.unflatten(2, (-1, height * width)).transpose(2, 3)
        return spread_TELC.flatten(1, 2)

    steps.append(unpooled)
    return y_TELC.mean(dim=2) if network.pooling == "mean" else y_TELC.transpose(2, 3).flatten(2)


def _block(network: Any, weights: Weights, block: int, x_TEHWI: Tensor, steps: list[_Step]) -> Tensor:
    """A convolution, normalisation and ReLU; its steps take and give gradients (T, M, O)."""
    name, (examples, height, width, channels) = f"conv{block}", x_TEHWI.shape[1:]
    read_TMP, kernel_TPO = patches(x_TEHWI), as_matrices(weights[name])

    def before(upstream_TMO: Tensor, found: Weights) -> Tensor:
        for_kernel_TPO = read_TMP.transpose(1, 2) @ upstream_TMO
        found[name] = for_kernel_TPO.unflatten(1, (3, 3, channels)).permute(0, 4, 3, 1, 2)
        if block == 0:
            return upstream_TMO  # Nothing comes before it.
        for_patches_TMP = upstream_TMO @ kernel_TPO.transpose(1, 2)
        return _added(for_patches_TMP, examples, height, width, channels).flatten(1, 3)

    steps.append(before)
    y_TMO = _activated(weights, block, read_TMP @ kernel_TPO, steps)
    return y_TMO.reshape(-1, examples, (height + 1) // 2, (width + 1) // 2, y_TMO.shape[2])


def _perceived(network: FunctionalPerceptron, weights: Weights, x: Tensor, steps: list[_Step]) -> Tensor:
    z_TED = x.flatten(2)
    for layer in range(network.num_layers):
        steps.append(_linear(weights[f"linear{layer}"], f"linear{layer}", z_TED))
        z_TED = z_TED @ weights[f"linear{layer}"]
        if network.normalises:
            z_TED = _activated(weights, layer, z_TED, steps)
        else:
            z_TED = (z_TED + weights[f"bias{layer}"][:, None]).relu()
            steps.append(_shifted(f"bias{layer}", z_TED))
    return z_TED


def _linear(weight_TDN: Tensor, name: str, read_TED: Tensor) -> _Step:
    def step(upstream_TEN: Tensor, found: Weights) -> Tensor:
        found[name] = read_TED.transpose(1, 2) @ upstream_TEN
        return upstream_TEN @ weight_TDN.transpose(1, 2)

    return step


def _shifted(name: str, active_TMC: Tensor) -> _Step:
    def step(upstream_TMC: Tensor, found: Weights) -> Tensor:
        upstream_TMC = upstream_TMC * (active_TMC > 0)
        found[name] = upstream_TMC.sum(dim=1)
        return upstream_TMC

    return step


def _activated(weights: Weights, layer: int, x_TMC: Tensor, steps: list[_Step]) -> Tensor:
    """Normalised, perhaps scaled, shifted, and ReLU."""
    centred_TMC = x_TMC - x_TMC.mean(dim=1, keepdim=True)
    rate_T1C = (centred_TMC.square().mean(dim=1, keepdim=True) + EPSILON).rsqrt()
    normal_TMC = centred_TMC * rate_T1C
    scale_TC = weights.get(f"scale{layer}")
    scaled_TMC = normal_TMC if scale_TC is None else normal_TMC * scale_TC[:, None]

    def step(upstream_TMC: Tensor, found: Weights) -> Tensor:
        if scale_TC is not None:
            found[f"scale{layer}"] = (upstream_TMC * normal_TMC).sum(dim=1)
            upstream_TMC = upstream_TMC * scale_TC[:, None]
        along_T1C = (upstream_TMC * normal_TMC).mean(dim=1, keepdim=True)
        return rate_T1C * (upstream_TMC - upstream_TMC.mean(dim=1, keepdim=True) - normal_TMC * along_T1C)

    active_TMC = (scaled_TMC + weights[f"shift{layer}"][:, None]).relu()
    steps += [step, _shifted(f"shift{layer}", active_TMC)]
    return active_TMC


def _added(patches_TMP: Tensor, examples: int, height: int, width: int, channels: int) -> Tensor:
    """Images (T, E, H, W, I) to whose pixels the numbers of patches are added: what is transposed to `patches`."""
    half = (height + 1) // 2, (width + 1) // 2
    numbers = patches_TMP.reshape(-1, *half, 9, channels).permute(0, 4, 3, 1, 2).flatten(0, 1)
    places = torch.eye(9, dtype=numbers.dtype, device=numbers.device).view(9, 1, 3, 3)
    rest = ((height + 1) % 2, (width + 1) % 2)
    pixels = F.conv_transpose2d(numbers, places, None, 2, 1, rest)
    return pixels.reshape(-1, examples, channels, height, width).movedim(2, -1)
