"""The four-block convolutional encoder of few-shot learning (Vinyals et al., 2016, Matching Networks)."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from quickstudy.core.tracing import is_traced
from quickstudy.networks.normalisation import Normalisation, normalisation_2d
from quickstudy.networks.normalised_convolution import normalised_convolution

Downsampling = Literal["pool", "stride"]

_IMAGES_AT_ONCE = 128
_FEW_CHANNELS = 3
"""Images of so many have patches that are small beside the maps made of them."""


class Conv4(nn.Module):
    """Blocks of 3×3 convolution, normalisation and ReLU, each of which halves the image.

    Reads images (..., C, H, W) and gives features (..., D).

    Args:
        downsampling: `pool` halves with 2×2 max-pooling, as Matching and Prototypical Networks do (28 → 14 → 7 → 3 →
            1); `stride` with convolutions of stride two, as MAML does (28 → 14 → 7 → 4 → 2), at a third of the cost.
        normalisation: Kind of normalisation; see `normalisation_2d`.
        in_channels: Channels of an image.
        channels: Channels of each block.
        blocks: Number of blocks.
        image_size: Side of an image in pixels.
        keep_edge: Round up in max-pooling too, so that the last row and column of an odd size count.
        residual: Residual convolutions after each block but the first, whose maps are large, and the last, whose maps
            have few pixels. The papers' encoder has none.

    Raises:
        ValueError: if there is no such way of downsampling, or so many halvings leave nothing of the image.
    """

    def __init__(
        self,
        *,
        downsampling: Downsampling = "stride",
        normalisation: Normalisation = "batch",
        in_channels: int = 1,
        channels: int = 64,
        blocks: int = 4,
        image_size: int = 28,
        keep_edge: bool = False,
        residual: int = 0,
    ) -> None:
        super().__init__()
        if downsampling not in ("pool", "stride"):
            raise ValueError(f"downsampling is {downsampling!r}, but pool or stride was expected.")
        self.image_shape = (in_channels, image_size, image_size)
        layers: list[nn.Module] = []
        for block in range(blocks):
            source = in_channels if block == 0 else channels
            stride = 2 if downsampling == "stride" else 1
            has_bias = normalisation == "none"  # A normalisation has its own.
            layers += [nn.Conv2d(source, channels, 3, stride=stride, padding=1, bias=has_bias)]
            layers += [normalisation_2d(normalisation, channels)]
            if downsampling == "pool":  # Before the ReLU, which keeps their order: the same, of a quarter as many.
                layers += [nn.MaxPool2d(2, ceil_mode=keep_edge)]
            layers += [nn.ReLU(inplace=True)]
            if 0 < block < blocks - 1:
                layers += [Residual(channels, normalisation) for _ in range(residual)]
            rounds_down = downsampling == "pool" and not keep_edge
            image_size = image_size // 2 if rounds_down else (image_size + 1) // 2
        if image_size == 0:
            raise ValueError(f"{blocks} halvings leave nothing of such small images. Use fewer blocks, or stride.")
        self.blocks = nn.Sequential(*layers)
        self.map_shape = (channels, image_size, image_size)
        self.num_features = channels * image_size**2
        # Channels last is a quarter faster on a CPU, and what tensor cores want on a GPU.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Features (..., D) of images (..., C, H, W).

        Args:
            images: Images (..., C, H, W).

        Raises:
            ValueError: if the images are of another size than it was built for.
        """
        leading, image = images.shape[:-3], images.shape[-3:]
        if image != self.image_shape:
            raise ValueError(
                f"Images are {tuple(image)}, but the encoder was built for {self.image_shape}. Resize the images, or "
                "build it with image_size and in_channels for them."
            )
        x_BCHW = images.reshape(-1, *image).contiguous(memory_format=torch.channels_last)
        if self.training or (torch.is_grad_enabled() and self._asks_gradients(images)):
            features_BCHW = _passed(list(self.blocks)[2:], self._first_normalised(x_BCHW))
        else:  # In parts whose activations stay in the cache; only here is an image normalised by itself.
            blocks = self._without_batch_normalisation()
            parts = (x_BCHW,) if is_traced() else x_BCHW.split(_IMAGES_AT_ONCE)
            features_BCHW = torch.cat([_passed(blocks, part) for part in parts])
        return features_BCHW.flatten(1).reshape(*leading, self.num_features)

    def _first_normalised(self, x_BCHW: Tensor) -> Tensor:
        """The first convolution's maps, the largest that there are, normalised."""
        convolution, norm = cast(nn.Conv2d, self.blocks[0]), self.blocks[1]
        if isinstance(norm, nn.BatchNorm2d) and norm.training and self.image_shape[0] <= _FEW_CHANNELS:
            return normalised_convolution(x_BCHW, convolution, norm)
        normalised: Tensor = norm(convolution(x_BCHW))
        return normalised

    def _asks_gradients(self, images: Tensor) -> bool:
        return images.requires_grad or any(parameter.requires_grad for parameter in self.parameters())

    def _without_batch_normalisation(self) -> list[Callable[[Tensor], Tensor]]:
        """The layers, with what batch normalisation does at test moved into the convolution before it.

        It is one more pass over the largest maps that there are.
        """
        layers: list[Any] = []
        for layer in self.blocks:
            if isinstance(layer, nn.BatchNorm2d):
                conv, norm = layers.pop(), layer
                mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
                weight, bias = fuse_conv_bn_weights(conv.weight, None, mean, variance, norm.eps, norm.weight, norm.bias)
                layers.append(partial(F.conv2d, weight=weight, bias=bias, stride=conv.stride, padding=conv.padding))
            else:
                layers.append(layer)
        return layers


class Residual(nn.Module):
    """A convolution and its normalisation, added to what they read (He et al., 2016, Deep Residual Learning).

    Args:
        channels: Channels of the maps.
        normalisation: Kind of normalisation; see `normalisation_2d`.
    """

    def __init__(self, channels: int, normalisation: Normalisation) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=normalisation == "none")
        self.norm = normalisation_2d(normalisation, channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Maps of the same shape.

        Args:
            x_BCHW: Maps.
        """
        return F.relu(x_BCHW + self.norm(self.convolution(x_BCHW)))


def _passed(layers: Iterable[Callable[[Tensor], Tensor]], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x
