"""Networks as functions of their weights: every task of a batch can have weights of its own, and all run at once.

A module holds the weights that all tasks begin with; what it computes with is handed to it, a dictionary of tensors
(T, …). A layer is one batch of products of matrices, the tasks' examples and positions by their weights.

Letters: T tasks, E examples, C channels, L positions of a map, M = E·L; D features, N outputs; P the numbers of a patch
of an image, O the channels made of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from quickstudy.networks.attention import full_precision
from quickstudy.networks.batch_statistics import EPSILON, Normaliser, among_themselves
from quickstudy.networks.low_rank_updates import UpdatedLinear
from quickstudy.networks.task_convolution import as_matrices, for_tasks, halving_convolution, patches

Weights = dict[str, Any]
"""Of each name a tensor (T, …); of a name in `linear_names` a layer, from (T, E, D) to (T, E, N), will do as well."""

HEAD = ("head", "head_bias")
"""The last layer's weights."""


class FunctionalNetwork(nn.Module, ABC):
    """Layers that make features, and a linear layer, the head, that makes outputs of them.

    Args:
        num_outputs: Outputs N.
        num_features: Features D.
        head_deviation: Standard deviation of the head's first weights.
    """

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
        """The weights that all tasks begin with.

        Args:
            num_tasks: Tasks T.
        """
        return {name: weight.expand(num_tasks, *weight.shape) for name, weight in self.first.items()}

    @property
    def linear_names(self) -> tuple[str, ...]:
        """The names of matrices that are but multiplied by, so that steps on them may stay what they are made of."""
        return ()

    def stepped(self, name: str, num_tasks: int) -> UpdatedLinear:
        """The layer that all tasks begin with, in a form that keeps gradient steps as factors of low rank.

        Args:
            name: Name of the layer's weights, one of `linear_names`.
            num_tasks: Tasks T.
        """
        return UpdatedLinear.unchanged(self.first[name], num_tasks)

    @abstractmethod
    def features(self, weights: Weights, x: Tensor, normalise: Normaliser) -> Tensor:
        """The features (T, E, D) of inputs.

        Args:
            weights: Weights of each task by name.
            x: Inputs (T, E, *input).
            normalise: How layers are normalised.
        """

    def head(self, weights: Weights, z_TED: Tensor) -> Tensor:
        """The outputs (T, E, N) for features.

        Args:
            weights: Weights of each task by name.
            z_TED: Features.
        """
        return torch.baddbmm(weights["head_bias"][:, None], z_TED, weights["head"])

    def forward(self, weights: Weights, x: Tensor, normalise: Normaliser | None = None) -> Tensor:
        """The outputs (T, E, N) for inputs.

        Args:
            weights: Weights of each task by name.
            x: Inputs (T, E, *input).
            normalise: How layers are normalised; None normalises the examples of a task among themselves.
        """
        return self.head(weights, self.features(weights, x, normalise or among_themselves))

    def _add_norm(self, layer: int, channels: int, scales: bool) -> None:
        if scales:
            self.first[f"scale{layer}"] = nn.Parameter(torch.ones(channels))
        self.first[f"shift{layer}"] = nn.Parameter(torch.zeros(channels))

    def _normalised(self, normalise: Normaliser, weights: Weights, layer: int, y: Tensor) -> Tensor:
        return normalise(y, weights.get(f"scale{layer}"), weights[f"shift{layer}"])


class FunctionalConv4(FunctionalNetwork):
    """Blocks of 3×3 convolution with stride two, normalisation by batch statistics and ReLU, then a linear layer.

    Normalised maps are shifted. Reads images (T, E, C, H, W).

    Args:
        num_outputs: Outputs N.
        pooling: `mean` gives the head the mean of the last maps over their positions, `none` gives it all of them.
        scales: Scale normalised maps too, before they are shifted.
        head_deviation: Standard deviation of the head's first weights.
        in_channels: Channels of an image.
        channels: Channels of each block.
        blocks: Number of blocks.
        image_size: Side of an image in pixels.

    Raises:
        ValueError: if there is no such pooling.
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

    def weights(self, num_tasks: int) -> Weights:
        """The same for all tasks: those to begin with."""
        convolutions = {f"conv{block}" for block in range(self.blocks)}
        return super().weights(num_tasks) | {name: for_tasks(self.first[name], num_tasks) for name in convolutions}

    def features(self, weights: Weights, x: Tensor, normalise: Normaliser) -> Tensor:
        """The features (T, E, D) of images.

        Raises:
            ValueError: if the images are of another size than it was built for.
        """
        _refuse_shape(x, self.image_shape)
        y_TEHWC = x.movedim(2, -1)
        with full_precision(x):
            for block in range(self.blocks):
                if block == 0 and normalise is among_themselves:
                    y_TEHWC = self._first_maps(weights, y_TEHWC).relu()
                else:
                    y_TEHWC = halving_convolution(y_TEHWC, weights[f"conv{block}"])
                    y_TEHWC = self._normalised(normalise, weights, block, y_TEHWC).relu()
            y_TELC = y_TEHWC.flatten(2, 3)
            return y_TELC.mean(dim=2) if self.pooling == "mean" else y_TELC.transpose(2, 3).flatten(2)

    def _first_maps(self, weights: Weights, x_TEHWC: Tensor) -> Tensor:
        """The first convolution, normalised among themselves.

        It makes the largest maps, of patches of few numbers. Mean and variance of what is linear follow from those of
        what it reads; so its weights can normalise, and the maps are written once.
        """
        read_TMP = patches(x_TEHWC)
        read_TMP = read_TMP - read_TMP.mean(dim=1, keepdim=True)
        covariance_TPP = read_TMP.transpose(1, 2) @ read_TMP / read_TMP.shape[1]
        kernel_TPO = as_matrices(weights["conv0"])
        variance_T1O = (kernel_TPO * (covariance_TPP @ kernel_TPO)).sum(dim=1, keepdim=True)
        factor_T1O = (variance_T1O + EPSILON).rsqrt()
        if "scale0" in weights:
            factor_T1O = factor_T1O * weights["scale0"][:, None]
        maps_TMO = torch.baddbmm(weights["shift0"][:, None], read_TMP, kernel_TPO * factor_T1O)
        _, examples, height, width, _ = x_TEHWC.shape
        return maps_TMO.view(-1, examples, (height + 1) // 2, (width + 1) // 2, maps_TMO.shape[2])


class FunctionalPerceptron(FunctionalNetwork):
    """Linear layers with ReLU, normalised by batch statistics or not, and the head.

    Reads inputs (T, E, *input), whose numbers it flattens.

    Args:
        num_inputs: Numbers of an input.
        widths: Outputs of each layer before the head.
        num_outputs: Outputs N.
        normalises: Normalise what each layer gives, and shift it.
        scales: Scale what is normalised too, before it is shifted.
        head_deviation: Standard deviation of the head's first weights.
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

    @property
    def linear_names(self) -> tuple[str, ...]:
        """The names of all layers' matrices but the head's."""
        return tuple(f"linear{layer}" for layer in range(self.num_layers))

    def features(self, weights: Weights, x: Tensor, normalise: Normaliser) -> Tensor:
        """The features (T, E, D) of inputs.

        Raises:
            ValueError: if an input has another number of numbers than it was built for.
        """
        z_TED = x.flatten(2)
        _refuse_shape(z_TED, (self.num_inputs,))
        for layer in range(self.num_layers):
            linear = weights[f"linear{layer}"]
            z_TED = z_TED @ linear if isinstance(linear, Tensor) else linear(z_TED)
            if self.normalises:
                z_TED = self._normalised(normalise, weights, layer, z_TED).relu()
            else:
                z_TED = (z_TED + weights[f"bias{layer}"][:, None]).relu()
        return z_TED


def _refuse_shape(x: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(x.shape[2:]) != expected:
        raise ValueError(
            f"An input is {tuple(x.shape[2:])}, but the network was built for {expected}. Prepare inputs like that, or "
            "build it for them."
        )
