"""The sequence task of Santoro et al. (2016), section 2.2: drawings of a few classes, in random order.

A sequence is a task with one query: its last item. All items before it are the support. So the usual `Tasks` hold it,
`forward(tasks)` trains on it, and `evaluate` measures its last item. A learner that reads its support in order finds
the paper's episode in it. There is no loop over sequences, classes or drawings.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.augmentation import Augmentation, refuse_augmentation
from quickstudy.tasks.jitter import Jitter
from quickstudy.tasks.made_on_device import MadeOnDevice
from quickstudy.tasks.sampling import Count, draw_count, draw_distinct, gather_images, highest, is_drawn
from quickstudy.tasks.scale import Scaled, as_tensor, read_batch, read_images

STRING_LENGTH = 5
"""Characters in a string."""
ALPHABET = 5
"""Different characters: a to e, as 0 to 4."""


class SequenceLayout(NamedTuple):
    """The classes, items and labels of a sequence."""

    classes: Count = 5
    """Classes in a sequence."""
    instances: Count = 10
    """Drawings of each class. Not used if `length` is given."""
    length: int | None = None
    """Items of a sequence, drawn from all drawings of its classes. So classes may differ in their number of items."""
    labels: Literal["indices", "strings"] = "indices"
    """Class indices from 0, or a string for each class, which is new in each sequence."""
    letters: Count = STRING_LENGTH
    """Random letters of a string. The other letters repeat them in turn, so one random letter gives aaaaa to eeeee."""
    jitter: Jitter | Augmentation | None = None
    """Random changes of every image: small movements, or elastic distortion."""


class InstanceSequences:
    """Sequences from a fixed set of classes.

    Args:
        images: (C, E, H, W), (C, E, channels, H, W) or, for vectors, (C, E, D): classes, then examples. Bytes become 0
            to 1. `quickstudy.tasks.scale` describes other types.
        layout: classes, items and labels of a sequence.

    Raises:
        UserError: if there are too few classes or examples for the layout, or the numbers of the images do not say
            which number is white.
    """

    def __init__(self, images: Tensor | np.ndarray, layout: SequenceLayout | None = None) -> None:
        given = as_tensor(images)
        self.images, self.scale = read_images(given, are_vectors=given.ndim == 3)
        self.layout = layout or SequenceLayout()
        self._refuse()

    @property
    def device(self) -> torch.device:
        """The device of the images, on which sequences are made."""
        return self.images.device

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share a random choice: the number of classes or drawings."""
        return is_drawn(self.layout.classes) or is_drawn(self.layout.instances)

    def to(self, device: torch.device | str) -> Self:
        """The same sequences, with the images on another device.

        Args:
            device: the new device.
        """
        return type(self)(self.images.to(device), self.layout)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw sequences of L items: support_x (T, L − 1, *image), query_x (T, 1, *image).

        Labels are (T, L − 1) and (T, 1). Strings are (T, L − 1, 5) and (T, 1, 5) indices of characters.

        Args:
            num_tasks: T, the sequences to draw.
            generator: the source of random numbers.
        """
        num_classes = draw_count(self.layout.classes, generator)
        classes_TC = draw_distinct(num_tasks, num_classes, self.images.shape[0], generator)
        place_TL, example_TL = self._draw_items(num_tasks, num_classes, generator)
        index_TL = classes_TC.gather(1, place_TL) * self.images.shape[1] + example_TL
        x = gather_images(Scaled(self.images.flatten(0, 1), self.scale), index_TL, self.layout.jitter, generator)
        # Classes come in random order, so the place of a class is a label thrown at random.
        is_plain = self.layout.labels == "indices"
        letters = STRING_LENGTH if is_plain else draw_count(self.layout.letters, generator)
        y = place_TL if is_plain else _strings(place_TL, num_classes, letters, generator)
        return Tasks(x[:, :-1], y[:, :-1], x[:, -1:], y[:, -1:])

    def _draw_items(self, num_tasks: int, num_classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the class of each item and its example, both (T, L)."""
        available, length = self.images.shape[1], self.layout.length
        if length is not None:
            drawn_TL = draw_distinct(num_tasks, length, num_classes * available, generator)
            return drawn_TL // available, drawn_TL % available
        instances = draw_count(self.layout.instances, generator)
        examples_TCI = draw_distinct(num_tasks * num_classes, instances, available, generator)
        keys_TL = torch.rand(num_tasks, num_classes * instances, generator=generator, device=generator.device)
        order_TL = keys_TL.argsort(dim=1)
        return order_TL // instances, examples_TCI.view(num_tasks, -1).gather(1, order_TL)

    def _refuse(self) -> None:
        if isinstance(self.layout.jitter, Augmentation):
            refuse_augmentation(self.layout.jitter)
        if self.images.ndim < 3:
            raise UserError(
                f"images has shape {tuple(self.images.shape)}, but (classes, examples, H, W) or "
                "(classes, examples, D) was expected."
            )
        layout, (there, available) = self.layout, self.images.shape[:2]
        lowest, largest = _bounds(layout.classes)
        if not 1 <= lowest <= largest <= there:
            raise UserError(
                f"Sequences of {layout.classes} classes were given, but 1 to {there} classes, "
                "or a pair of such numbers, the lowest first, were expected."
            )
        fewest, most = _bounds(layout.instances)
        if layout.length is None and not 1 <= fewest <= most <= available:
            raise UserError(
                f"{layout.instances} instances of each class were given, but every class has {available} "
                "examples. Ask for 1 to as many, or for a pair of such numbers, the lowest first."
            )
        if layout.labels == "strings":
            _refuse_strings(*_bounds(layout.letters), largest)
        shortest = fewest * lowest if layout.length is None else layout.length
        if shortest < 2 or (layout.length is not None and layout.length > lowest * available):
            raise UserError(
                f"A sequence of {shortest} items was given, but {lowest} classes have 2 to {lowest * available}."
            )


class GeneratedSequences(MadeOnDevice):
    """Sequences from classes made by a program. Every batch has new ones, which its sequences share.

    Args:
        draw: takes C, E and a generator. It returns E examples each of C new classes, (C, E, H, W), on the generator's
            device. C and E are the most that the sequences of a batch can need.
        layout: classes, items and labels of a sequence.
        device: the device on which tasks are made.

    Raises:
        UserError: when sequences are drawn, as `InstanceSequences` does.
    """

    def __init__(
        self,
        draw: Callable[[int, int, torch.Generator], Tensor],
        layout: SequenceLayout | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.draw, self.layout, self.device = draw, layout or SequenceLayout(), torch.device(device)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw sequences, as `InstanceSequences.sample` does.

        Args:
            num_tasks: T, the sequences to draw.
            generator: the source of random numbers.
        """
        images = self.draw(num_tasks * highest(self.layout.classes), highest(self.layout.instances), generator)
        return InstanceSequences(read_batch(images).images, self.layout).sample(num_tasks, generator)


def _strings(place_TL: Tensor, num_classes: int, letters: int, generator: torch.Generator) -> Tensor:
    """Draw a string for each class of a sequence. Return the strings of its items: (T, L, 5) indices of characters."""
    numbers_TC = draw_distinct(len(place_TL), num_classes, ALPHABET**letters, generator)
    powers = ALPHABET ** (torch.arange(STRING_LENGTH, device=place_TL.device) % letters)
    return numbers_TC.gather(1, place_TL)[..., None] // powers % ALPHABET


def _bounds(count: Count) -> tuple[int, int]:
    return count if isinstance(count, tuple) else (count, count)


def _refuse_strings(fewest: int, most: int, num_classes: int) -> None:
    """Refuse a number of letters that is invalid, or that gives too few strings for the classes."""
    if not 1 <= fewest <= most <= STRING_LENGTH:
        drawn = fewest if fewest == most else (fewest, most)
        raise UserError(f"{drawn} letters of a string were to be drawn, but 1 to {STRING_LENGTH} was expected.")
    if num_classes > ALPHABET**fewest:
        raise UserError(
            f"{num_classes} classes need a string each, but {fewest} drawn letters make {ALPHABET**fewest}. "
            "Draw more letters, or lower the classes."
        )
