"""Large random changes of drawings, about as large as the difference between two people's drawings of one character.

A drawing is slanted, stretched, turned, moved and distorted by a smooth random displacement: the "elastic distortion"
of Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis"
(ICDAR 2003). All this takes one interpolation per pixel. Then the strokes get lighter or heavier, and a piece may be
erased.
"""

import math
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.tasks.scale import read_images


class Augmentation(NamedTuple):
    """How much a drawing may change. A change is uniform from minus its bound to its bound, unless its text differs."""

    degrees: float = 20.0
    """Rotation, in degrees."""
    shift: float = 2.0
    """Shift along each axis, in pixels."""
    scale: float = 0.25
    """Share by which the drawing grows or shrinks. The logarithm is uniform, so that both are equally likely."""
    stretch: float = 0.25
    """Share by which the width changes against the height. The logarithm is uniform."""
    shear: float = 0.3
    """Shear: pixels to the right for each pixel down."""
    displacement: float = 1.5
    """Standard deviation of the elastic displacement along each axis, in pixels."""
    parts: int = 4
    """Random displacements along each axis. The displacement is smooth between them."""
    pen: float = 0.5
    """Each number is raised to a power whose logarithm is uniform up to this bound. So strokes get lighter or
    heavier."""
    erased: float = 0.0
    """Largest side of an erased rectangle, as a share of the image's side."""

    def times(self, strength: float) -> Self:
        """Multiply every bound, but not the number of parts.

        Args:
            strength: the factor.
        """
        bounds = {name: strength * bound for name, bound in self._asdict().items() if name != "parts"}
        return self._replace(**bounds)


def augment_images(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Change each image by its own random change. What enters from outside of the image is empty.

    Args:
        images: (B, C, H, W), floats from 0 to 1.
        augmentation: how much an image may change.
        generator: the source of random numbers.
    """
    count, _, height, width = images.shape
    affine = F.affine_grid(_matrices(images, augmentation, generator), [count, 1, height, width], align_corners=False)
    changed = F.grid_sample(images, affine + _displacements(images, augmentation, generator), align_corners=False)
    if augmentation.pen > 0:
        power = (augmentation.pen * _either_way((count, 1, 1, 1), images, generator)).exp()
        changed = changed.clamp(min=0).pow(power)
    if augmentation.erased > 0:
        changed = changed * _outside_of_rectangles(images, augmentation.erased, generator)
    return changed


def warped_classes(images: Tensor, copies: int, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Add warped copies of every class, as further classes.

    All drawings of a warped copy have the same change, so it is like another character by the same people. Booleans,
    and integers that are only 0 and 1, become bytes from 0 to 255, because a warped drawing has grey pixels.

    Args:
        images: (C, E, H, W), classes and their examples.
        copies: warped copies of each class.
        augmentation: how much a copy may change.
        generator: the source of random numbers.

    Returns:
        Classes ((1 + copies) C, E, H, W): first all classes without a change, then the copies.

    Raises:
        UserError: if `copies` is not a whole number from 0, a bound of the augmentation is invalid, or the numbers of
            the images do not say which number is white.
    """
    if copies < 0:
        raise UserError(f"copies = {copies} was given, but a whole number from 0 was expected.")
    refuse_augmentation(augmentation)
    if copies == 0:
        return images
    numbers, scale = read_images(images)
    if numbers.is_floating_point():
        return torch.cat([numbers, *(augment_images(numbers, augmentation, generator) for _ in range(copies))])
    whole = numbers if scale != 1 else numbers.byte() * 255
    ink = whole.float() / 255  # A class's examples are as the channels of one image: what changes one changes all.
    warped = [augment_images(ink, augmentation, generator).mul(255).round().byte() for _ in range(copies)]
    return torch.cat([whole, *warped])


def _matrices(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Affine maps (B, 2, 3) from a place in the result to a place in the image, in units of half an image, rows x,
    y.
    """
    count, _, height, width = images.shape
    turn, right, down, growth, stretch, shear = _either_way((6, count), images, generator)
    angle = turn * math.radians(augmentation.degrees)
    size = (growth * math.log1p(augmentation.scale)).exp()
    wider = (stretch * math.log1p(augmentation.stretch) / 2).exp()
    slant = shear * augmentation.shear
    # A slant, then a stretch, then a turn, all in pixels.
    across, along = size * wider, size / wider
    cos, sin = angle.cos(), angle.sin()
    x_by_x, x_by_y = cos * across, cos * slant * across - sin * along
    y_by_x, y_by_y = sin * across, sin * slant * across + cos * along
    shift_x, shift_y = (2 * augmentation.shift * move / side for move, side in ((right, width), (down, height)))
    rows = [x_by_x, x_by_y * (height / width), shift_x, y_by_x * (width / height), y_by_y, shift_y]
    return torch.stack(rows, dim=-1).view(count, 2, 3)


def _displacements(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Displacements (B, H, W, 2): random at a few points and smooth between them, in units of half an image."""
    count, _, height, width = images.shape
    parts = augmentation.parts
    moves_B2PP = torch.randn(count, 2, parts, parts, generator=generator, device=images.device, dtype=images.dtype)
    down_HP, right_WP = (_bumps(side, parts, images) for side in (height, width))
    smooth_B2HW = down_HP @ moves_B2PP @ right_WP.T
    pixel = torch.tensor([2 / width, 2 / height], device=images.device, dtype=images.dtype)
    return smooth_B2HW.permute(0, 2, 3, 1) * (augmentation.displacement * pixel)


def _bumps(side: int, parts: int, like: Tensor) -> Tensor:
    """Weights (side, parts) of each part's move at each pixel. Their squares sum to one, so that deviations stay."""
    place = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) * (parts / side)
    centre = torch.arange(parts, device=like.device, dtype=like.dtype) + 0.5
    return F.normalize((-(place[:, None] - centre).square()).exp(), dim=1)


def _outside_of_rectangles(images: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """A mask (B, 1, H, W): zero inside a random rectangle, one elsewhere."""
    count, _, height, width = images.shape
    sides, centres = torch.rand(2, 2, count, 1, generator=generator, device=images.device, dtype=images.dtype)
    inside = []
    for length, side, centre in zip((height, width), sides, centres, strict=True):
        place = (torch.arange(length, device=images.device, dtype=images.dtype) + 0.5) / length
        inside.append((place - centre).abs() < largest * side / 2)
    return ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])


def _either_way(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform from −1 to 1."""
    return 2 * torch.rand(shape, generator=generator, device=like.device, dtype=like.dtype) - 1


def refuse_augmentation(augmentation: Augmentation) -> None:
    """Refuse an augmentation with an invalid bound.

    Args:
        augmentation: what is checked.

    Raises:
        UserError: if a bound is invalid.
    """
    for name, bound in augmentation._asdict().items():
        least, most = (1 if name == "parts" else 0), (1 if name == "erased" else math.inf)
        if not least <= bound <= most:
            upwards = "or more" if most == math.inf else f"to {most}"
            raise UserError(f"{name} = {bound} was given, but {least} {upwards} was expected of an augmentation.")
