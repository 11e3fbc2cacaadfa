"""N-way K-shot episodes (Vinyals et al., 2016), drawn for a whole batch of tasks at once.

The same state of the generator gives the same tasks. Images stay on their device, as bytes. Only those that a batch
needs are gathered, in one index, and turned into floats. There is no loop over tasks, classes or images.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.made_on_device import MadeOnDevice
from quickstudy.tasks.sampling import (
    Assignment,
    Layout,
    assign_examples,
    draw_count,
    draw_distinct,
    draw_shots,
    gather_tasks,
    highest,
    is_drawn,
    refuse_layout,
)
from quickstudy.tasks.scale import Scaled, as_tensor, read_batch, read_images, turnable


class Episodes:
    """Episodes from a fixed set of classes.

    Args:
        images: (C, E, H, W), (C, E, channels, H, W) or, for vectors, (C, E, D): classes, then examples. Bytes become 0
            to 1. `quickstudy.tasks.scale` describes other types.
        layout: ways, shots and queries of an episode.
        groups: (C,), the group of each class, for example its alphabet. Then all classes of a task come from one group.
        num_examples: (C,), how many of the E examples of each class are real.

    Raises:
        UserError: if there are too few classes or examples for the layout, or the numbers of the images do not say
            which number is white.
    """

    def __init__(
        self,
        images: Tensor | np.ndarray,
        layout: Layout | None = None,
        *,
        groups: Tensor | np.ndarray | None = None,
        num_examples: Tensor | np.ndarray | None = None,
    ) -> None:
        given = as_tensor(images)
        self.images, self.scale = read_images(given, are_vectors=given.ndim == 3)
        self.layout = layout or Layout()
        self.num_examples = None if num_examples is None else torch.as_tensor(num_examples)
        refuse_layout(self.layout)
        self._refuse_too_few()
        _refuse_length("groups", groups, len(self.images))
        self.groups = None if groups is None else _group_table(torch.as_tensor(groups), highest(self.layout.ways))

    @property
    def device(self) -> torch.device:
        """The device of the images, on which tasks are made."""
        return self.images.device

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share a random choice: the number of classes or shots."""
        return is_drawn(self.layout.ways) or is_drawn(self.layout.shots)

    def to(self, device: torch.device | str) -> Self:
        """The same episodes, with the images on another device.

        Args:
            device: the new device.
        """
        moved = object.__new__(type(self))
        moved.__dict__ = {name: _moved(value, device) for name, value in vars(self).items()}
        return moved

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x (T, N·K, *image), support_y (T, N·K), and N·Q queries likewise.

        Within each task the examples come in random order.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        assignment = self._assignment(num_tasks, generator)
        return gather_tasks(Scaled(self.images.flatten(0, 1), self.scale), assignment, self.layout.jitter, generator)

    def sample_in_parts(self, num_tasks: int, generator: torch.Generator, most_bytes: int) -> Iterator[Tasks]:
        """Draw the tasks that `sample` would draw, in parts of limited size. A part has one task or more.

        If images are changed at random, all tasks come in one part. So do the tasks of a subclass with its own
        `sample`.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
            most_bytes: how many bytes the images of a part may have.
        """
        if getattr(self.sample, "__func__", None) is not Episodes.sample:
            yield self.sample(num_tasks, generator)
            return
        assignment = self._assignment(num_tasks, generator)
        bytes_each = 4 * self.images.shape[2:].numel() * (assignment.support_y.shape[1] + assignment.query_y.shape[1])
        at_once = max(1, most_bytes // bytes_each) if self.layout.jitter is None else num_tasks
        images = Scaled(self.images.flatten(0, 1), self.scale)
        for fields in zip(*(field.split(at_once) for field in assignment), strict=True):
            yield gather_tasks(images, Assignment(*fields), self.layout.jitter, generator)

    def _assignment(self, num_tasks: int, generator: torch.Generator) -> Assignment:
        """Choose the examples of the tasks."""
        ways = draw_count(self.layout.ways, generator)
        shots = draw_shots(self.layout.shots, ways, generator)
        classes_TN = self._draw_classes(num_tasks, ways, generator)
        examples_TNE = self._draw_examples(classes_TN, max(shots) + self.layout.queries, generator)
        index_TNE = classes_TN[..., None] * self.images.shape[1] + examples_TNE
        return assign_examples(index_TNE, shots, self.layout, generator)

    def _draw_classes(self, num_tasks: int, ways: int, generator: torch.Generator) -> Tensor:
        if self.groups is None:
            return draw_distinct(num_tasks, ways, self.images.shape[0], generator)
        members_GM, sizes_G = self.groups
        group_T = torch.randint(len(sizes_G), (num_tasks,), generator=generator, device=self.device)
        place_TN = draw_distinct(num_tasks, ways, sizes_G[group_T], generator)
        return members_GM[group_T].gather(1, place_TN)

    def _draw_examples(self, classes_TN: Tensor, count: int, generator: torch.Generator) -> Tensor:
        available = self.images.shape[1] if self.num_examples is None else self.num_examples[classes_TN.flatten()]
        return draw_distinct(classes_TN.numel(), count, available, generator).view(*classes_TN.shape, count)

    def _refuse_too_few(self) -> None:
        if self.images.ndim < 3:
            raise UserError(
                f"images has shape {tuple(self.images.shape)}, but (classes, examples, H, W) or "
                "(classes, examples, D) was expected."
            )
        ways, shots = highest(self.layout.ways), highest(self.layout.shots)
        num_classes, most = self.images.shape[:2]
        if ways > num_classes:
            raise UserError(f"{ways} ways need {ways} classes, but there are {num_classes}. Lower the ways.")
        _refuse_length("num_examples", self.num_examples, num_classes)
        if self.num_examples is not None and int(self.num_examples.max()) > most:
            raise UserError(
                f"num_examples says that a class has {int(self.num_examples.max())} examples, but images holds {most}. "
                "Count only the examples that are there."
            )
        fewest = most if self.num_examples is None else int(self.num_examples.min())
        if shots + self.layout.queries > fewest:
            raise UserError(
                f"{shots} shots and {self.layout.queries} queries need {shots + self.layout.queries} examples of "
                f"every class, but a class has {fewest}. Lower the shots or the queries, or leave that class out."
            )


class GeneratedEpisodes(MadeOnDevice):
    """Episodes from classes made by a program, new ones for every batch.

    Args:
        draw: takes C, E and a generator. It returns E examples each of C new classes, (C, E, H, W), on the generator's
            device.
        layout: ways, shots and queries of an episode.
        device: the device on which tasks are made.

    Raises:
        UserError: if the layout is invalid.
    """

    def __init__(
        self,
        draw: Callable[[int, int, torch.Generator], Tensor],
        layout: Layout | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.draw = draw
        self.layout = layout or Layout()
        refuse_layout(self.layout)
        self.device = torch.device(device)

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share a random choice: the number of classes or shots."""
        return is_drawn(self.layout.ways) or is_drawn(self.layout.shots)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks, as `Episodes.sample` does.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        ways = draw_count(self.layout.ways, generator)
        shots = draw_shots(self.layout.shots, ways, generator)
        each = max(shots) + self.layout.queries
        images, scale = read_batch(self.draw(num_tasks * ways, each, generator))
        index_TNE = torch.arange(num_tasks * ways * each, device=images.device).view(num_tasks, ways, each)
        assignment = assign_examples(index_TNE, shots, self.layout, generator)
        return gather_tasks(Scaled(images.flatten(0, 1), scale), assignment, self.layout.jitter, generator)


def rotated_classes(images: Tensor | np.ndarray) -> Tensor:
    """Add every class turned by 90, 180 and 270 degrees, as further classes: (4 C, E, …, H, W).

    Args:
        images: (C, E, …, H, W), classes and their examples.

    Raises:
        UserError: if the images are not square.
    """
    upright = turnable(images)
    if upright.shape[-2] != upright.shape[-1]:
        raise UserError(f"Images are {tuple(upright.shape[-2:])}, but only square ones fit their frame when turned.")
    return torch.cat([upright.rot90(turns, dims=(-2, -1)) for turns in range(4)])


def mirrored_classes(images: Tensor | np.ndarray) -> Tensor:
    """Add the mirror image of every class, as further classes: (2 C, E, …, H, W).

    Args:
        images: (C, E, …, H, W), classes and their examples.
    """
    upright = turnable(images)
    return torch.cat([upright, upright.flip(-1)])


def _group_table(groups: Tensor, ways: int) -> tuple[Tensor, Tensor]:
    """The classes of each group that is large enough, padded, (G, M), and the sizes of the groups, (G,)."""
    names, sizes = groups.unique(return_counts=True)
    names = names[sizes >= ways]
    if len(names) == 0:
        raise UserError(
            f"{ways} ways within one group need a group of {ways} classes, but the largest has {int(sizes.max())}. "
            "Lower the ways, or sample across groups."
        )
    members = [(groups == name).nonzero().squeeze(1) for name in names]
    table = torch.nn.utils.rnn.pad_sequence(members, batch_first=True)
    return table, torch.tensor([len(member) for member in members])


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if type(value) is tuple:
        return tuple(_moved(part, device) for part in value)
    return value


def _refuse_length(name: str, given: Tensor | np.ndarray | None, num_classes: int) -> None:
    if given is not None and len(given) != num_classes:
        raise UserError(f"{name} has {len(given)} entries, but there are {num_classes} classes. Give one for each.")
