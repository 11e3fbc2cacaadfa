"""N-way K-shot episodes (Vinyals et al., 2016), drawn for a whole batch of tasks at once.

A Generator in, the same tasks out. Images stay where they are, as bytes; only those drawn are
gathered, in one index, and turned into floats. There is no loop over tasks, classes or images.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.jitter import Jitter, jitter_images

Count = int | tuple[int, int]
"""A number, or the lowest and highest of a number that is drawn for each batch."""


class Layout(NamedTuple):
    """What an episode is made of."""

    ways: Count = 5
    """Classes in a task."""
    shots: Count = 1
    """Support examples of each class."""
    queries: int = 15
    """Queries of each class."""
    jitter: Jitter | None = None
    """Small random movements of every image."""
    shuffled_labels: bool = False
    """The control: support labels that say nothing about the classes, so that chance is the best there is."""


class Episodes:
    """Tasks over a fixed set of classes.

    `images` is (C, E, H, W), (C, E, channels, H, W) or, for vectors, (C, E, D): classes, then examples.
    Bytes are read as 0 to 1. `groups` (C,) gives each class a group, such as its alphabet; then all classes
    of a task come from one group. `num_examples` (C,) says how many of the E examples are real where
    classes differ.

    Raises:
        UserError: if the classes or their examples are too few for the episodes asked for.
    """

    def __init__(
        self,
        images: Tensor | np.ndarray,
        layout: Layout | None = None,
        *,
        groups: Tensor | np.ndarray | None = None,
        num_examples: Tensor | np.ndarray | None = None,
    ) -> None:
        self.images = torch.as_tensor(images)
        self.layout = layout or Layout()
        self.num_examples = None if num_examples is None else torch.as_tensor(num_examples)
        _refuse_layout(self.layout)
        self._refuse_too_few()
        _refuse_length("groups", groups, len(self.images))
        self.groups = None if groups is None else _group_table(torch.as_tensor(groups), _highest(self.layout.ways))

    @property
    def device(self) -> torch.device:
        """Where the images are, and so where the tasks are made."""
        return self.images.device

    def to(self, device: torch.device | str) -> Self:
        """The same episodes, with the images on another device."""
        moved = object.__new__(type(self))
        moved.__dict__ = {name: _moved(value, device) for name, value in vars(self).items()}
        return moved

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x (T, N·K, *image), support_y (T, N·K), and N·Q queries likewise.

        Within each task the examples come in random order.
        """
        ways = draw_count(self.layout.ways, generator)
        shots = draw_count(self.layout.shots, generator)
        classes_TN = self._draw_classes(num_tasks, ways, generator)
        examples_TNE = self._draw_examples(classes_TN, shots + self.layout.queries, generator)
        index_TNE = classes_TN[..., None] * self.images.shape[1] + examples_TNE
        return deal(self.images.flatten(0, 1), index_TNE, shots, self.layout, generator)

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
        ways, shots = _highest(self.layout.ways), _highest(self.layout.shots)
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


class GeneratedEpisodes:
    """Tasks over classes made on the spot, never the same twice.

    `draw(C, E, generator)` makes E examples each of C new classes, as (C, E, H, W) on the generator's device.
    """

    def __init__(
        self,
        draw: Callable[[int, int, torch.Generator], Tensor],
        layout: Layout | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.draw = draw
        self.layout = layout or Layout()
        _refuse_layout(self.layout)
        self._device = torch.device(device)

    @property
    def device(self) -> torch.device:
        """Where the tasks are made."""
        return self._device

    def to(self, device: torch.device | str) -> "GeneratedEpisodes":
        """The same episodes, made on another device."""
        return GeneratedEpisodes(self.draw, self.layout, device)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks, as `Episodes.sample` does."""
        ways = draw_count(self.layout.ways, generator)
        shots = draw_count(self.layout.shots, generator)
        each = shots + self.layout.queries
        images = self.draw(num_tasks * ways, each, generator)
        index_TNE = torch.arange(num_tasks * ways * each, device=images.device).view(num_tasks, ways, each)
        return deal(images.flatten(0, 1), index_TNE, shots, self.layout, generator)


def rotated_classes(images: Tensor | np.ndarray) -> Tensor:
    """Every class turned by 0, 90, 180 and 270 degrees, as classes of their own: (4 C, E, …, H, W).

    Raises:
        UserError: if the images are not square.
    """
    upright = torch.as_tensor(images)
    if upright.shape[-2] != upright.shape[-1]:
        raise UserError(f"Images are {tuple(upright.shape[-2:])}, but only square ones fit their frame when turned.")
    return torch.cat([upright.rot90(turns, dims=(-2, -1)) for turns in range(4)])


def deal(images: Tensor, index_TNE: Tensor, shots: int, layout: Layout, generator: torch.Generator) -> Tasks:
    """Make tasks of the images (B, *image) that the index names: the first K of a class support, the rest queries."""
    support_x, support_order = _shuffled(index_TNE[..., :shots], generator)
    query_x, query_order = _shuffled(index_TNE[..., shots:], generator)
    support_y, query_y = support_order // shots, query_order // (index_TNE.shape[2] - shots)
    if layout.shuffled_labels:
        labels = _labels_at_random(index_TNE.shape[0], index_TNE.shape[1], shots, generator)
        support_y = labels.gather(1, support_order)
    return Tasks(
        gather_images(images, support_x, layout.jitter, generator),
        support_y,
        gather_images(images, query_x, layout.jitter, generator),
        query_y,
    )


def draw_count(count: Count, generator: torch.Generator) -> int:
    """The count itself, or one drawn between its lowest and highest."""
    if isinstance(count, int):
        return count
    lowest, highest = count
    return int(torch.randint(lowest, highest + 1, (), generator=generator, device=generator.device))


def draw_distinct(rows: int, count: int, population: int | Tensor, generator: torch.Generator) -> Tensor:
    """`count` different indices for each row, (rows, count), uniform and in random order.

    `population` is how many there are to draw from, or (rows,) where rows differ.
    """
    if isinstance(population, int) and count * count <= population:
        return _draw_until_distinct(rows, count, population, generator)
    largest = population if isinstance(population, int) else int(population.max())
    keys = torch.rand(rows, largest, generator=generator, device=generator.device)
    if isinstance(population, Tensor):
        beyond = torch.arange(largest, device=generator.device) >= population[:, None]
        keys = keys.masked_fill(beyond, -1.0)
    return keys.topk(count, dim=1).indices


def _draw_until_distinct(rows: int, count: int, population: int, generator: torch.Generator) -> Tensor:
    # Few out of many seldom collide: drawing the unlucky rows again is far cheaper than a key for each of the many.
    drawn = torch.randint(population, (rows, count), generator=generator, device=generator.device)
    while True:
        ordered = drawn.sort(dim=1).values
        unlucky = (ordered[:, 1:] == ordered[:, :-1]).any(dim=1).nonzero().squeeze(1)
        if len(unlucky) == 0:
            return drawn
        drawn[unlucky] = torch.randint(population, (len(unlucky), count), generator=generator, device=generator.device)


def _shuffled(index_TNE: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Flatten classes and examples in random order: image indices, and the places they had, both (T, N·E)."""
    num_tasks, ways, each = index_TNE.shape
    order = _random_order((num_tasks, ways * each), generator)
    return index_TNE.flatten(1).gather(1, order), order


def _labels_at_random(num_tasks: int, ways: int, shots: int, generator: torch.Generator) -> Tensor:
    """K labels of each class for every task, (T, N·K), dealt to the examples with no regard to their classes."""
    # N tasks in turn share the deal and differ by the label it starts from, so that over them every place has every
    # label once: by luck alone a good learner's mean over a thousand tasks would stray a percent from chance.
    groups = -(-num_tasks // ways)
    order = _random_order((groups, ways * shots), generator).repeat_interleave(ways, dim=0)[:num_tasks]
    first = torch.arange(num_tasks, device=generator.device) % ways
    return (order // shots + first[:, None]) % ways


def _random_order(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device).argsort(dim=1)


def gather_images(images: Tensor, index_TE: Tensor, jitter: Jitter | None, generator: torch.Generator) -> Tensor:
    """The images (B, *image) that an index (T, E) names, as floats (T, E, *image), moved at random if so asked."""
    # Gathered as rows of bytes: three times as fast as images, and a quarter of the traffic of floats.
    gathered = images.flatten(1).index_select(0, index_TE.flatten())
    if not gathered.is_floating_point():
        gathered = gathered.float().mul_(1 / 255)
    one_channel = (1, *images.shape[1:]) if images.ndim == 3 else images.shape[1:]
    gathered = gathered.view(-1, *one_channel)
    if jitter is not None:
        gathered = jitter_images(gathered, jitter, generator)
    return gathered.view(*index_TE.shape, *gathered.shape[1:])


def _group_table(groups: Tensor, ways: int) -> tuple[Tensor, Tensor]:
    """Classes of each group that is large enough, padded, (G, M); and the groups' sizes, (G,)."""
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


def _refuse_layout(layout: Layout) -> None:
    for name, count in (("ways", layout.ways), ("shots", layout.shots), ("queries", layout.queries)):
        if _lowest(count) < 1 or _lowest(count) > _highest(count):
            raise UserError(
                f"{name} = {count} was asked for, but numbers from 1 were expected, "
                "or a pair of them, the lowest first."
            )


def _refuse_length(name: str, given: Tensor | np.ndarray | None, num_classes: int) -> None:
    if given is not None and len(given) != num_classes:
        raise UserError(f"{name} has {len(given)} entries, but there are {num_classes} classes. Give one for each.")


def _lowest(count: Count) -> int:
    return count if isinstance(count, int) else count[0]


def _highest(count: Count) -> int:
    return count if isinstance(count, int) else count[1]
