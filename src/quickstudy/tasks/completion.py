"""Images as functions from the place of a pixel to its intensity. Some pixels are given, and others are predicted.

Garnelo et al., "Conditional Neural Processes" (ICML 2018), section 4.2. The papers call the given pixels context.

Letters: T tasks, P pixels of an image, S of them support, Q queries; C H W images.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.augmentation import Augmentation
from quickstudy.tasks.jitter import Jitter
from quickstudy.tasks.sampling import Count, draw_count, gather_images, highest, is_drawn, lowest
from quickstudy.tasks.scale import Scaled, read_batch, read_images


class CompletionLayout(NamedTuple):
    """Which pixels of an image are the support and which are the queries."""

    support: Count = (1, 300)
    """Support pixels. There may be none. A range is drawn from for each batch."""
    queries: int | None = None
    """Queries, at random among the other pixels. None for all other pixels."""
    order: Literal["random", "from the top"] = "random"
    """Whether the support lies anywhere, or is the first pixels row by row."""
    predicts_support: bool = False
    """Make the support pixels queries too, as the loss of neural processes does."""
    jitter: Jitter | Augmentation | None = None
    """Random changes of every image: small movements, or elastic distortion."""


class Completion:
    """Tasks that are images: each task is the completion of one image.

    Inputs are the places (row, column) of pixel centres, where a side of the image has length one. Values are the C
    intensities of a pixel. Without a layout, the support has from one pixel to half of the pixels.

    Args:
        images: (N, H, W) or (N, C, H, W). Bytes become 0 to 1. `quickstudy.tasks.scale` describes other types.
        layout: which pixels are support and queries.

    Raises:
        UserError: if there are no images, they have too few pixels for the layout, or the numbers of
            the images do not say which number is white.
    """

    def __init__(self, images: Tensor | np.ndarray, layout: CompletionLayout | None = None) -> None:
        self.images, self.scale = read_images(images)
        if self.images.ndim not in (3, 4) or len(self.images) == 0:
            raise UserError(
                f"images has shape {tuple(self.images.shape)}, but (images, H, W) or (images, channels, H, W) was "
                "expected, and one image at least."
            )
        self.layout = layout or CompletionLayout((1, self.grid[0] * self.grid[1] // 2))
        _refuse(self.layout, self.grid)

    @property
    def device(self) -> torch.device:
        """The device of the images, on which tasks are made."""
        return self.images.device

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share a random choice: a number of pixels."""
        return is_drawn(self.layout.support)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        height, width = self.images.shape[-2:]
        return height, width

    def to(self, device: torch.device | str) -> Self:
        """The same images on another device.

        Args:
            device: the new device.
        """
        return type(self)(self.images.to(device), self.layout)

    def with_layout(self, layout: CompletionLayout) -> Self:
        """The same images with another choice of pixels.

        Args:
            layout: which pixels are support and queries.

        Raises:
            UserError: if the images have too few pixels for the layout.
        """
        return type(self)(self.images, layout)

    def showing(self, count: int) -> Self:
        """The same images with another number of support pixels, in the same order. All pixels are queries.

        Args:
            count: how many pixels are the support.
        """
        return self.with_layout(self.layout._replace(support=count, queries=None, predicts_support=True))

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x (T, S, 2), support_y (T, S, C), and Q queries likewise.

        The same state of the generator gives the same images. The support of a smaller count is the start of the
        support of a larger one.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        num_support = draw_count(self.layout.support, generator)
        values_TPC = self._images(num_tasks, generator).flatten(2).transpose(1, 2)
        order_TP = self._order(num_tasks, generator)
        places_TPD = pixel_places(self.grid, values_TPC)[order_TP]
        ordered_TPC = values_TPC.gather(1, order_TP[..., None].expand_as(values_TPC))
        first = 0 if self.layout.predicts_support else num_support
        last = None if self.layout.queries is None else num_support + self.layout.queries
        given, queries = slice(num_support), slice(first, last)
        return Tasks(places_TPD[:, given], ordered_TPC[:, given], places_TPD[:, queries], ordered_TPC[:, queries])

    def _images(self, num_tasks: int, generator: torch.Generator) -> Tensor:
        """Draw the images (T, C, H, W) of the tasks."""
        index_T1 = torch.randint(len(self.images), (num_tasks, 1), generator=generator, device=self.device)
        return gather_images(Scaled(self.images, self.scale), index_T1, self.layout.jitter, generator).squeeze(1)

    def _order(self, num_tasks: int, generator: torch.Generator) -> Tensor:
        """The pixels of each image, (T, P): the support first, those that are not predicted last."""
        height, width = self.grid
        shape = (num_tasks, height * width)
        if self.layout.order == "random":
            return torch.rand(shape, generator=generator, device=generator.device).argsort(dim=1)
        return torch.arange(height * width, device=generator.device).expand(shape)


class GeneratedCompletion(Completion):
    """Tasks that are images made by a program, new ones for every batch.

    Args:
        draw: takes a number of images and a generator. It returns images (N, H, W) or (N, C, H, W) on the generator's
            device.
        grid: rows and columns of an image.
        layout: which pixels are support and queries.
        device: the device on which tasks are made.

    Raises:
        UserError: if the images have too few pixels for the layout.
    """

    def __init__(
        self,
        draw: Callable[[int, torch.Generator], Tensor],
        grid: tuple[int, int],
        layout: CompletionLayout | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.draw = draw
        super().__init__(torch.zeros(1, *grid, device=device), layout)

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, made on another device.

        Args:
            device: the new device.
        """
        return type(self)(self.draw, self.grid, self.layout, device)

    def with_layout(self, layout: CompletionLayout) -> Self:
        """The same images with another choice of pixels.

        Args:
            layout: which pixels are support and queries.

        Raises:
            UserError: if the images have too few pixels for the layout.
        """
        return type(self)(self.draw, self.grid, layout, self.device)

    def _images(self, num_tasks: int, generator: torch.Generator) -> Tensor:
        index_T1 = torch.arange(num_tasks, device=generator.device)[:, None]
        drawn = read_batch(self.draw(num_tasks, generator))
        return gather_images(drawn, index_T1, self.layout.jitter, generator).squeeze(1)


def pixel_places(grid: tuple[int, int], like: Tensor) -> Tensor:
    """Row and column of each pixel's centre, row by row, (P, 2). A side of the image has length one.

    Args:
        grid: rows and columns of an image.
        like: gives precision and device.
    """
    rows, columns = ((torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) / side for side in grid)
    return torch.cartesian_prod(rows, columns)


def _refuse(layout: CompletionLayout, grid: tuple[int, int]) -> None:
    pixels = grid[0] * grid[1]
    least, most = lowest(layout.support), highest(layout.support)
    if not 0 <= least <= most:
        raise UserError(
            f"support = {layout.support} pixels were given, but a number from 0 was expected, or a pair of them, "
            "the lowest first."
        )
    num_queries = layout.queries if layout.queries is not None else 0 if layout.predicts_support else 1
    if layout.queries is not None and layout.queries < 1:
        raise UserError(f"queries = {layout.queries} pixels were given, but a task needs at least one.")
    if most + num_queries > pixels:
        raise UserError(
            f"{most} pixels of support and {num_queries} queries need {most + num_queries}, but an image of "
            f"{grid[0]}×{grid[1]} has {pixels}. Lower one of them."
        )
    if layout.order not in ("random", "from the top"):
        raise UserError(f"order = {layout.order!r} was given, but 'random' or 'from the top' was expected.")
