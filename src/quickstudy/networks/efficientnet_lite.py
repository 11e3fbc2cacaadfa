"""EfficientNet-Lite0, an encoder of photographs whose ImageNet weights come as an installable package.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019), in the authors' Lite
variant: no squeeze-and-excitation, ReLU6. Modules are named as in the stored weights.

Letters: B images, C channels, H W pixels, D features.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_FEATURES = 1280
_EPSILON = 1e-3
"""Of the batch normalisations."""


class _Stage(NamedTuple):
    """Blocks of one size."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_FIRST = 32


class _SameConv2d(nn.Conv2d):
    """A convolution whose padding gives ceil(size / stride) outputs, with the odd pixel at the bottom and right."""

    def forward(self, images: Tensor) -> Tensor:
        padding = []
        for size, kernel, stride in zip(
            (images.shape[3], images.shape[2]), self.kernel_size[::-1], self.stride[::-1], strict=True
        ):
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(images, padding))


class _Block(nn.Module):
    """An inverted residual: expand the channels, convolve each by itself, project back."""

    def __init__(self, inputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        hidden = inputs * stage.expansion
        self.is_expanded = stage.expansion > 1
        if self.is_expanded:
            self._expand_conv = _SameConv2d(inputs, hidden, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(hidden, eps=_EPSILON)
        self._depthwise_conv = _SameConv2d(hidden, hidden, stage.kernel, stride, groups=hidden, bias=False)
        self._bn1 = nn.BatchNorm2d(hidden, eps=_EPSILON)
        self._project_conv = _SameConv2d(hidden, stage.channels, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(stage.channels, eps=_EPSILON)
        self.has_shortcut = stride == 1 and inputs == stage.channels

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._expand_conv(images))) if self.is_expanded else images
        x = F.relu6(self._bn1(self._depthwise_conv(x)))
        x = self._bn2(self._project_conv(x))
        return x + images if self.has_shortcut else x


class EfficientNetLite(nn.Module):
    """Features of photographs: the mean over all places of the last feature map.

    Args:
        num_classes: Classes of the last layer, which only `classify` uses.
    """

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self._conv_stem = _SameConv2d(3, _FIRST, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(_FIRST, eps=_EPSILON)
        blocks, inputs = [], _FIRST
        for stage in _STAGES:
            for number in range(stage.repeats):
                blocks.append(_Block(inputs, stage, stage.stride if number == 0 else 1))
                inputs = stage.channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _SameConv2d(inputs, NUM_FEATURES, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(NUM_FEATURES, eps=_EPSILON)
        self._fc = nn.Linear(NUM_FEATURES, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, D) of images (B, 3, H, W) with numbers from 0 to 1.

        Args:
            images: red, green and blue of each pixel. Any size from 32 pixels.
        """
        return self.maps(images)[-1].mean(dim=(2, 3))

    def maps(self, images: Tensor) -> list[Tensor]:
        """What each block sees, finest first, and the last feature map: (B, channels, rows, columns) each.

        Args:
            images: as in `forward`.
        """
        x = (images * 255 - 127) / 128
        x = F.relu6(self._bn0(self._conv_stem(x)))
        maps = []
        for block in self._blocks:
            x = block(x)
            maps.append(x)
        return [*maps, F.relu6(self._bn1(self._conv_head(x)))]

    def classify(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of the classes of the training.

        Args:
            images: as in `forward`.
        """
        logits: Tensor = self._fc(self(images))
        return logits


class SeveralMaps(nn.Module):
    """Features of several maps of a network, fine and coarse, each by quarter of the image; and of the last, by mean.

    The last features alone know what ImageNet's classes are, and forget colours and places that tell others apart.

    Args:
        network: The network.
    """

    _CHOSEN, _SIDE = (4, 10, 14, 15), 2

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, D) of images (B, 3, H, W) with numbers from 0 to 1; those of each map have length 1.

        Args:
            images: red, green and blue of each pixel.
        """
        maps = self.network.maps(images)
        quarters = [F.adaptive_avg_pool2d(maps[place], self._SIDE).flatten(1) for place in self._CHOSEN]
        return torch.cat([F.normalize(each, dim=-1) for each in (*quarters, maps[-1].mean(dim=(2, 3)))], dim=-1)


def restored(weights: dict[str, Tensor]) -> EfficientNetLite:
    """The encoder with stored weights, in eval mode and without gradients.

    Args:
        weights: tensors by name.
    """
    encoder = EfficientNetLite(len(weights["_fc.weight"]))
    encoder.load_state_dict(weights)
    return encoder.eval().requires_grad_(False)
