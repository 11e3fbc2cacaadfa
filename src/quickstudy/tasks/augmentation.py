"""Large random changes of drawings: about as far as two people's drawings of one character lie apart.

A slant, another shape of the whole and a smooth random displacement of its parts, the "elastic deformation" of
Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis"
(ICDAR 2003): all in one look-up per pixel. Then the pen is heavier or lighter, and a piece may be missing.
"""

import math
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.tasks.scale import read_images


class Augmentation(NamedTuple):
    """How far a drawing may change; uniform up to its bound, either way, where nothing else is said."""

    degrees: float = 20.0
    """Rotation."""
    shift: float = 2.0
    """Pixels, along each axis."""
    scale: float = 0.25
    """Share by which the whole grows or shrinks: the logarithm is uniform, so that both are as likely."""
    stretch: float = 0.25
    """The same of its width against its height."""
    shear: float = 0.3
    """Pixels to the right for each pixel down."""
    displacement: float = 1.5
    """Pixels, standard deviation along each axis, by which each part moves away from the others."""
    parts: int = 4
    """Points along each axis that move on their own; between them the displacement is smooth."""
    pen: float = 0.5
    """Ink is raised to a power whose logarithm is uniform up to this: grey edges fade, or fill."""
    erased: float = 0.0
    """Largest side of a missing rectangle, as a share of the image's."""

    def times(self, strength: float) -> Self:
        """Every bound times this; as many parts."""
        bounds = {name: strength * bound for name, bound in self._asdict().items() if name != "parts"}
        return self._replace(**bounds)


def augment_images(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Change each image of (B, C, H, W) by itself; what comes in from outside is empty."""
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
    """Every class as it is, then `copies` times with all its drawings changed alike: another character, drawn by the
    same hands, and a class of its own.

    Images (C, E, H, W) of classes and examples become ((1 + copies) C, E, H, W), of the same type. Booleans and
    integers that are only 0 and 1 become bytes from 0 to 255, as a warped drawing has grey pixels.

    Raises:
        UserError: if there are fewer copies than none, or a bound of the augmentation is none, or the images' numbers
            do not say how bright white is.
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
    """(B, 2, 3): where to look for what is to be seen at a place, in units of half an image, rows x, y."""
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
    """(B, H, W, 2): a random vector at each of a few points, and smoothly in between, in units of half an image."""
    count, _, height, width = images.shape
    parts = augmentation.parts
    moves_B2PP = torch.randn(count, 2, parts, parts, generator=generator, device=images.device, dtype=images.dtype)
    down_HP, right_WP = (_bumps(side, parts, images) for side in (height, width))
    smooth_B2HW = down_HP @ moves_B2PP @ right_WP.T
    pixel = torch.tensor([2 / width, 2 / height], device=images.device, dtype=images.dtype)
    return smooth_B2HW.permute(0, 2, 3, 1) * (augmentation.displacement * pixel)


def _bumps(side: int, parts: int, like: Tensor) -> Tensor:
    """(side, parts): how much each point's move counts at each pixel; squares sum to one, so deviations stay."""
    place = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) * (parts / side)
    centre = torch.arange(parts, device=like.device, dtype=like.dtype) + 0.5
    return F.normalize((-(place[:, None] - centre).square()).exp(), dim=1)


def _outside_of_rectangles(images: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """(B, 1, H, W): zero inside a random rectangle, one elsewhere."""
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
    """Raise UserError where a bound is none."""
    for name, bound in augmentation._asdict().items():
        least, most = (1 if name == "parts" else 0), (1 if name == "erased" else math.inf)
        if not least <= bound <= most:
            upwards = "or more" if most == math.inf else f"to {most}"
            raise UserError(f"{name} = {bound} was asked for, but {least} {upwards} was expected of an augmentation.")
