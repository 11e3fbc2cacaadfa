"""Small random movements of images."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Jitter(NamedTuple):
    """How far an image may move; each movement is uniform up to its bound, either way."""

    degrees: float = 10.0
    """Rotation."""
    shift: float = 2.0
    """Pixels, along each axis."""
    scale: float = 0.1
    """Share of its size by which the window it is seen through grows or shrinks."""


def jitter_images(images: Tensor, jitter: Jitter, generator: torch.Generator) -> Tensor:
    """Move each image of (B, C, H, W) by itself; what comes in from outside is empty."""
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
