"""Which statistics a convolution's output is normalised with: a choice that papers differ in."""

from typing import Literal

from torch import nn

Normalisation = Literal["batch", "group", "none"]


def normalisation_2d(kind: Normalisation, channels: int) -> nn.Module:
    """A layer for (B, C, H, W).

    `batch`: of the batch in training, running ones at test; `group`: of each image alone, in eight
    groups of channels, so the same in training and test.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(8, channels)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"normalisation is {kind!r}, but batch, group or none was expected.")
