"""Small random movements of images."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Jitter(NamedTuple):
    """How much an image may move. Each movement is uniform from minus its bound to its bound."""

    degrees: float = 10.0
    """Rotation, in degrees."""
    shift: float = 2.0
    """Shift along each axis, in pixels."""
    scale: float = 0.1
    """Share by which the visible window of the image grows or shrinks."""


def jitter_images(images: Tensor, jitter: Jitter, generator: torch.Generator) -> Tensor:
    """Move each image by its own random movement. What enters from outside of the image is empty.

    Args:
        images: (B, C, H, W).
        jitter: how much an image may move.
        generator: the source of random numbers.
    """
    count, _, height, width = images.shape
    turn, right, down, growth = (
        2 * torch.rand(4, count, generator=generator, device=images.device, dtype=images.dtype) - 1
    )
    angle = turn * (jitter.degrees * torch.pi / 180)
    size = 1 + growth * jitter.scale
    matrices = torch.stack(  # In units of half an image, rows: x, y.
        [
            torch.stack(
                [size * angle.cos(), -size * angle.sin() * (height / width), right * (2 * jitter.shift / width)], dim=-1
            ),
            torch.stack(
                [size * angle.sin() * (width / height), size * angle.cos(), down * (2 * jitter.shift / height)], dim=-1
            ),
        ],
        dim=1,
    )
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
