"""Which statistics a convolution's output is normalised with: a choice that papers differ in."""

from typing import Literal

from torch import nn

Normalisation = Literal["batch", "group", "none"]


def normalisation_2d(kind: Normalisation, channels: int) -> nn.Module:
    """A normalisation layer for maps (B, C, H, W).

    Args:
        kind: `batch` uses statistics of the batch in training and running ones in eval mode. `group` normalises eight
            groups of channels of each image, the same in training and eval mode.
        channels: Channels C.

    Raises:
        ValueError: if there is no such kind.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(8, channels)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"normalisation is {kind!r}, but batch, group or none was expected.")
