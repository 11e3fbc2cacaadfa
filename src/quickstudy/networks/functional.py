"""Networks as functions of their weights: every task of a batch can have weights of its own, and all run at once.

A module holds the weights that all tasks begin with; what it computes with is handed to it, a dictionary of tensors
(T, …). Inside, examples lead and tasks lie side by side in the channels, so that a layer is one grouped operation.

Letters: T tasks, E examples, B the channels of all tasks, C those of one, L positions of a map, D features, N outputs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from quickstudy.networks.grouped_convolution import halving_convolution

Weights = dict[str, Tensor]
"""(T, …) of each name."""

Normaliser = Callable[[Tensor, Tensor | None, Tensor], Tensor]
"""Normalises (E, B, …) and then scales and shifts by (B,); called for a network's layers in their order."""

HEAD = ("head", "head_bias")
"""The last layer's weights."""

_EPSILON = 1e-3  # As TensorFlow's layers have it, in which MAML and Reptile were written.


class FunctionalNetwork(nn.Module, ABC):
    """Layers that make features, and a linear layer that makes `num_outputs` numbers of them."""

    def __init__(self, num_outputs: int, num_features: int, head_deviation: float) -> None:
        super().__init__()
        self.num_outputs = num_outputs
        self.first = nn.ParameterDict()
        """The weights that all tasks begin with."""
        self.first["head"] = nn.Parameter(head_deviation * torch.randn(num_features, num_outputs))
        self.first["head_bias"] = nn.Parameter(torch.zeros(num_outputs))

    @property
    def norm_names(self) -> frozenset[str]:
        """The names of what normalised numbers are scaled and shifted by."""
        return frozenset(name for name in self.first if name.startswith(("scale", "shift")))

    def weights(self, num_tasks: int) -> Weights:
        """The same for all tasks: those to begin with."""
        return {name: weight.expand(num_tasks, *weight.shape) for name, weight in self.first.items()}

    @abstractmethod
    def features(self, weights: Weights, x: Tensor, normalise: Normaliser) -> Tensor:
        """What the head reads (T, E, D) of inputs (T, E, *input)."""

    def head(self, weights: Weights, z_TED: Tensor) -> Tensor:
        """The outputs (T, E, N) for features."""
        return torch.baddbmm(weights["head_bias"][:, None], z_TED, weights["head"])

    def forward(self, weights: Weights, x: Tensor, normalise: Normaliser | None = None) -> Tensor:
        """The outputs (T, E, N) for inputs (T, E, *input), normalised among themselves unless told otherwise."""
        return self.head(weights, self.features(weights, x, normalise or among_themselves))

    def _add_norm(self, layer: int, channels: int, scales: bool) -> None:
        if scales:
            self.first[f"scale{layer}"] = nn.Parameter(torch.ones(channels))
        self.first[f"shift{layer}"] = nn.Parameter(torch.zeros(channels))

    def _normalised(self, normalise: Normaliser, weights: Weights, layer: int, y: Tensor) -> Tensor:
        scale = weights[f"scale{layer}"].flatten() if f"scale{layer}" in weights else None
        return normalise(y, scale, weights[f"shift{layer}"].flatten())


class FunctionalConv4(FunctionalNetwork):
    """Blocks of 3×3 convolution of stride two, normalisation by batch statistics and ReLU; then the last maps' mean
    over their positions, or all of them (`pooling="none"`), and a linear layer.

    Normalised maps are shifted, and with `scales` scaled before. Reads images (T, E, C, H, W).
    """

    def __init__(
        self,
        num_outputs: int,
        *,
        pooling: Literal["mean", "none"] = "mean",
        scales: bool = False,
        head_deviation: float = 1.0,
        in_channels: int = 1,
        channels: int = 64,
        blocks: int = 4,
        image_size: int = 28,
    ) -> None:
        if pooling not in ("mean", "none"):
            raise ValueError(f"pooling is {pooling!r}, but mean or none was expected.")
        side = image_size
        for _ in range(blocks):
            side = (side + 1) // 2
        super().__init__(num_outputs, channels * (side**2 if pooling == "none" else 1), head_deviation)
        self.image_shape, self.pooling, self.blocks = (in_channels, image_size, image_size), pooling, blocks
        for block in range(blocks):
            # No bias: normalising would take it away again.
            weight = torch.empty(channels, in_channels if block == 0 else channels, 3, 3)
            self.first[f"conv{block}"] = nn.Parameter(nn.init.xavier_uniform_(weight))
            self._add_norm(block, channels, scales)

    def features(self, weights: Weights, x: Tensor, normalise: Normaliser) -> Tensor:
        """What the head reads of images.

        Raises:
            ValueError: if the images are of another size than it was built for.
        """
        _refuse_shape(x, self.image_shape)
        y = x.transpose(0, 1).flatten(1, 2)
        for block in range(self.blocks):
            y = halving_convolution(y, weights[f"conv{block}"])
            y = self._normalised(normalise, weights, block, y).relu()
        y_EBL = y.flatten(2)
        pooled = y_EBL.mean(dim=2, keepdim=True) if self.pooling == "mean" else y_EBL
        return pooled.reshape(len(y), len(x), -1).transpose(0, 1)


class FunctionalPerceptron(FunctionalNetwork):
    """Linear layers of these `widths` with normalisation by batch statistics, if it `normalises`, and ReLU; then a
    linear layer.

    Reads inputs (T, E, *input) of `num_inputs` numbers.
    """

    def __init__(
        self,
        num_inputs: int,
        widths: Sequence[int],
        num_outputs: int,
        *,
        normalises: bool = True,
        scales: bool = False,
        head_deviation: float = 1.0,
    ) -> None:
        sizes = [num_inputs, *widths]
        super().__init__(num_outputs, sizes[-1], head_deviation)
        self.num_inputs, self.normalises, self.num_layers = num_inputs, normalises, len(widths)
        for layer, (source, target) in enumerate(zip(sizes, widths, strict=False)):
            weight = nn.init.kaiming_normal_(torch.empty(target, source), nonlinearity="relu").T.contiguous()
            self.first[f"linear{layer}"] = nn.Parameter(weight)
            if normalises:
                self._add_norm(layer, target, scales)
            else:
                self.first[f"bias{layer}"] = nn.Parameter(torch.zeros(target))

    def features(self, weights: Weights, x: Tensor, normalise: Normaliser) -> Tensor:
        """What the head reads of inputs.

        Raises:
            ValueError: if an input has another number of numbers than it was built for.
        """
        z_TED = x.flatten(2)
        _refuse_shape(z_TED, (self.num_inputs,))
        for layer in range(self.num_layers):
            if self.normalises:
                z_TED = z_TED @ weights[f"linear{layer}"]
                y_EB = z_TED.transpose(0, 1).flatten(1)
                y_EB = self._normalised(normalise, weights, layer, y_EB)
                z_TED = y_EB.unflatten(1, (len(x), -1)).transpose(0, 1).relu()
            else:
                bias = weights[f"bias{layer}"][:, None]
                z_TED = torch.baddbmm(bias, z_TED, weights[f"linear{layer}"]).relu()
        return z_TED


def among_themselves(y: Tensor, scale: Tensor | None, shift: Tensor) -> Tensor:
    """Normalised by the mean and variance of each channel over all examples and positions."""
    return torch.batch_norm(y, scale, shift, None, None, True, 0.0, _EPSILON, torch.backends.cudnn.enabled)


class Recording:
    """Normalises among themselves, and notes what by."""

    def __init__(self, num_tasks: int) -> None:
        self.num_tasks = num_tasks
        self.moments: list[Tensor] = []
        """Mean and variance (T, 2, C) of each layer."""

    def __call__(self, y: Tensor, scale: Tensor | None, shift: Tensor) -> Tensor:
        """The examples normalised among themselves."""
        variance_B, mean_B = torch.var_mean(y.transpose(0, 1).flatten(1), dim=1, correction=0)
        self.moments.append(torch.stack([each_B.view(self.num_tasks, -1) for each_B in (mean_B, variance_B)], dim=1))
        return among_themselves(y, scale, shift)


class Beside:
    """Normalises each example by itself and a batch of others, whose `moments` were noted: none sees another.

    The others stay as they were among themselves; so nothing of them is computed again, however many examples ask.
    """

    def __init__(self, moments: Sequence[Tensor], count_T: Tensor) -> None:
        self._rest, self._count_T = iter(moments), count_T

    def __call__(self, y: Tensor, scale: Tensor | None, shift: Tensor) -> Tensor:
        """The examples normalised one by one."""
        mean_B, variance_B = (each_TC.flatten() for each_TC in next(self._rest).unbind(dim=1))
        count_B = self._count_T.repeat_interleave(len(mean_B) // len(self._count_T))
        y_EBL = y.flatten(2) if y.ndim > 2 else y[..., None]
        own_variance_EB, own_mean_EB = torch.var_mean(y_EBL, dim=2, correction=0)
        # Two batches as one: the mean of their variances, and what lies between their means.
        share_B = 1 / (count_B + 1)
        away_EB = own_mean_EB - mean_B
        both_mean_EB = mean_B + share_B * away_EB
        both_variance_EB = (1 - share_B) * (variance_B + share_B * away_EB.square()) + share_B * own_variance_EB
        factor_EB = (both_variance_EB + _EPSILON).rsqrt() * (1.0 if scale is None else scale)
        normalised_EBL = (y_EBL - both_mean_EB[..., None]) * factor_EB[..., None] + shift[:, None]
        return normalised_EBL.reshape(y.shape)


def _refuse_shape(x: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(x.shape[2:]) != expected:
        raise ValueError(
            f"An input is {tuple(x.shape[2:])}, but the network was built for {expected}. Prepare inputs like that, or "
            "build it for them."
        )
