"""The sequence task of Santoro et al. (2016), section 2.2: drawings of a few classes, in random order.

A sequence is a task of one query: its last item is the query, all that came before is the support. So it needs no
container of its own, `forward(tasks)` trains on it, `evaluate` asks for its last item, and a learner that reads its
support in order finds the paper's episode in there. No loop over sequences, classes or drawings.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.augmentation import Augmentation, refuse_augmentation
from quickstudy.tasks.jitter import Jitter
from quickstudy.tasks.sampling import Count, draw_count, draw_distinct, gather_images, highest, is_drawn
from quickstudy.tasks.scale import Scaled, as_tensor, read_batch, read_images

STRING_LENGTH = 5
"""Characters in a string."""
ALPHABET = 5
"""Different characters: a to e, as 0 to 4."""


class SequenceLayout(NamedTuple):
    """What a sequence is made of."""

    classes: Count = 5
    """Classes in a sequence."""
    instances: Count = 10
    """Drawings of each class, where `length` does not say otherwise."""
    length: int | None = None
    """Items of a sequence, drawn from all drawings of its classes, so that a class may come more or less often."""
    labels: Literal["indices", "strings"] = "indices"
    """Class indices from 0, or for each class a string, fresh in each sequence."""
    letters: Count = STRING_LENGTH
    """Of a string how many letters are drawn; the others repeat them in turn, so that one makes aaaaa to eeeee."""
    jitter: Jitter | Augmentation | None = None
    """Random changes of every image: small movements, or elastic distortion."""


class InstanceSequences:
    """Sequences over a fixed set of classes.

    `images` is (C, E, H, W), (C, E, channels, H, W) or, for vectors, (C, E, D): classes, then examples.
    Numbers are read as `quickstudy.tasks.scale` says: bytes as 0 to 1.

    Raises:
        UserError: if the classes or their examples are too few for the sequences asked for, or the images' numbers do
            not say how bright white is.
    """

    def __init__(self, images: Tensor | np.ndarray, layout: SequenceLayout | None = None) -> None:
        given = as_tensor(images)
        self.images, self.scale = read_images(given, are_vectors=given.ndim == 3)
        self.layout = layout or SequenceLayout()
        self._refuse()

    @property
    def device(self) -> torch.device:
        """Where the images are, and so where the sequences are made."""
        return self.images.device

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share something that was drawn: the number of their classes or drawings."""
        return is_drawn(self.layout.classes) or is_drawn(self.layout.instances)

    def to(self, device: torch.device | str) -> Self:
        """The same sequences, with the images on another device."""
        return type(self)(self.images.to(device), self.layout)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw sequences of L items: support_x (T, L − 1, *image), query_x (T, 1, *image).

        Labels are (T, L − 1) and (T, 1), or for strings (T, L − 1, 5) and (T, 1, 5) indices of characters.
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
        """Which class of the sequence each item is of, and which example of it, both (T, L)."""
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
                f"Sequences of {layout.classes} classes were asked for, but 1 to {there} classes, "
                "or a pair of such numbers, the lowest first, were expected."
            )
        fewest, most = _bounds(layout.instances)
        if layout.length is None and not 1 <= fewest <= most <= available:
            raise UserError(
                f"{layout.instances} instances of each class were asked for, but every class has {available} "
                "examples. Ask for 1 to as many, or for a pair of such numbers, the lowest first."
            )
        if layout.labels == "strings":
            _refuse_strings(*_bounds(layout.letters), largest)
        shortest = fewest * lowest if layout.length is None else layout.length
        if shortest < 2 or (layout.length is not None and layout.length > lowest * available):
            raise UserError(
                f"A sequence of {shortest} items was asked for, but {lowest} classes have 2 to {lowest * available}."
            )


class GeneratedSequences:
    """Sequences over classes made on the spot: every batch has new ones, which its sequences share.

    `draw(C, E, generator)` makes E examples each of C new classes, as (C, E, H, W) on the generator's device; it is
    asked for as many classes as the sequences could have between them, with as many examples each as they could need.

    Raises:
        UserError: on drawing, as `InstanceSequences` does.
    """

    def __init__(
        self,
        draw: Callable[[int, int, torch.Generator], Tensor],
        layout: SequenceLayout | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.draw, self.layout, self._device = draw, layout or SequenceLayout(), torch.device(device)

    @property
    def device(self) -> torch.device:
        """Where the sequences are made."""
        return self._device

    def to(self, device: torch.device | str) -> Self:
        """The same sequences, made on another device."""
        return type(self)(self.draw, self.layout, device)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw sequences, as `InstanceSequences.sample` does."""
        images = self.draw(num_tasks * highest(self.layout.classes), highest(self.layout.instances), generator)
        return InstanceSequences(read_batch(images).images, self.layout).sample(num_tasks, generator)


def _strings(place_TL: Tensor, num_classes: int, letters: int, generator: torch.Generator) -> Tensor:
    """For each class of a sequence a string of its own, given to its items: (T, L, 5) indices of characters."""
    numbers_TC = draw_distinct(len(place_TL), num_classes, ALPHABET**letters, generator)
    powers = ALPHABET ** (torch.arange(STRING_LENGTH, device=place_TL.device) % letters)
    return numbers_TC.gather(1, place_TL)[..., None] // powers % ALPHABET


def _bounds(count: Count) -> tuple[int, int]:
    return count if isinstance(count, tuple) else (count, count)


def _refuse_strings(fewest: int, most: int, num_classes: int) -> None:
    """Raise UserError where strings of so many drawn letters cannot be had, or too few for a string for each class."""
    if not 1 <= fewest <= most <= STRING_LENGTH:
        drawn = fewest if fewest == most else (fewest, most)
        raise UserError(f"{drawn} letters of a string were to be drawn, but 1 to {STRING_LENGTH} was expected.")
    if num_classes > ALPHABET**fewest:
        raise UserError(
            f"{num_classes} classes need a string each, but {fewest} drawn letters make {ALPHABET**fewest}. "
            "Draw more letters, or lower the classes."
        )
