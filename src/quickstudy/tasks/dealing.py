"""How examples are drawn and dealt to the tasks of a batch: no loop over tasks, classes or images."""

from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.augmentation import Augmentation, augment_images
from quickstudy.tasks.jitter import Jitter, jitter_images
from quickstudy.tasks.scale import Scaled

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
    jitter: Jitter | Augmentation | None = None
    """Small random movements of every image."""
    shuffled_labels: bool = False
    """The control: support labels that say nothing about the classes, so that chance is the best there is."""


class Hand(NamedTuple):
    """Which examples go where in a batch of tasks, and their labels: (T, N·K) for support, (T, N·Q) for queries."""

    support_index: Tensor
    support_y: Tensor
    query_index: Tensor
    query_y: Tensor


def deal(index_TNE: Tensor, shots: int, layout: Layout, generator: torch.Generator) -> Hand:
    """Deal the examples that the index names, in random order: the first K of a class to the support, the rest ask."""
    support_index, support_order = _shuffled(index_TNE[..., :shots], generator)
    query_index, query_order = _shuffled(index_TNE[..., shots:], generator)
    support_y, query_y = support_order // shots, query_order // (index_TNE.shape[2] - shots)
    if layout.shuffled_labels:
        labels = _labels_at_random(index_TNE.shape[0], index_TNE.shape[1], shots, generator)
        support_y = labels.gather(1, support_order)
    return Hand(support_index, support_y, query_index, query_y)


def draw_count(count: Count, generator: torch.Generator) -> int:
    """The count itself, or one drawn between its lowest and highest."""
    if isinstance(count, int):
        return count
    least, most = count
    return int(torch.randint(least, most + 1, (), generator=generator, device=generator.device))


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


def gather_images(
    scaled: Scaled, index_TE: Tensor, jitter: Jitter | Augmentation | None, generator: torch.Generator
) -> Tensor:
    """The images (B, *image) that an index (T, E) names, as floats (T, E, *image), changed at random if so asked."""
    images, scale = scaled
    # Gathered as rows of bytes: three times as fast as images, and a quarter of the traffic of floats.
    gathered = images.flatten(1).index_select(0, index_TE.flatten())
    if not gathered.is_floating_point():
        gathered = gathered.float().mul_(scale)
    one_channel = (1, *images.shape[1:]) if images.ndim == 3 else images.shape[1:]
    gathered = gathered.view(-1, *one_channel)
    if isinstance(jitter, Augmentation):
        gathered = augment_images(gathered, jitter, generator)
    elif jitter is not None:
        gathered = jitter_images(gathered, jitter, generator)
    return gathered.view(*index_TE.shape, *gathered.shape[1:])


def gather_tasks(images: Scaled, hand: Hand, jitter: Jitter | Augmentation | None, generator: torch.Generator) -> Tasks:
    """The tasks of a hand, with the images (B, *image) it names."""
    return Tasks(
        gather_images(images, hand.support_index, jitter, generator),
        hand.support_y,
        gather_images(images, hand.query_index, jitter, generator),
        hand.query_y,
    )


def refuse_layout(layout: Layout) -> None:
    """Raise UserError where a layout asks for none, or for a range that is empty."""
    for name, count in (("ways", layout.ways), ("shots", layout.shots), ("queries", layout.queries)):
        if lowest(count) < 1 or lowest(count) > highest(count):
            raise UserError(
                f"{name} = {count} was asked for, but numbers from 1 were expected, "
                "or a pair of them, the lowest first."
            )


def lowest(count: Count) -> int:
    """The count itself, or the lowest that may be drawn."""
    return count if isinstance(count, int) else count[0]


def highest(count: Count) -> int:
    """The count itself, or the highest that may be drawn."""
    return count if isinstance(count, int) else count[1]
