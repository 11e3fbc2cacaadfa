"""Episode sampling: the examples of all tasks of a batch are drawn at once, without a loop over tasks or images."""

from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.augmentation import Augmentation, augment_images
from quickstudy.tasks.jitter import Jitter, jitter_images
from quickstudy.tasks.scale import Scaled, read_images

Count = int | tuple[int, int]
"""A number, or the lowest and highest of a number that is drawn for each batch."""


class UnevenShots(NamedTuple):
    """Each class of a batch draws its own number of shots. The logarithm is uniform, so that small numbers are
    common.
    """

    lowest: int
    """Lowest number of shots."""
    highest: int
    """Highest number of shots."""


class ShotsOfEach(NamedTuple):
    """A fixed number of shots for each class of a task."""

    counts: tuple[int, ...]
    """The numbers, in the order of the labels."""


Shots = Count | UnevenShots | ShotsOfEach
"""How many support examples the classes of a task have."""


class Layout(NamedTuple):
    """Ways, shots and queries of an episode."""

    ways: Count = 5
    """Classes in a task."""
    shots: Shots = 1
    """Support examples of each class. A plain number or range gives all classes the same."""
    queries: int = 15
    """Queries of each class."""
    jitter: Jitter | Augmentation | None = None
    """Random changes of every image: small movements, or elastic distortion."""
    shuffled_labels: bool = False
    """A control: support labels say nothing about the classes, so that no learner can beat chance."""


class Assignment(NamedTuple):
    """The examples and labels of a batch of tasks."""

    support_index: Tensor
    """(T, N·K): the places of the support examples in the images."""
    support_y: Tensor
    """(T, N·K): their labels."""
    query_index: Tensor
    """(T, N·Q): the places of the queries in the images."""
    query_y: Tensor
    """(T, N·Q): their labels."""


def assign_examples(
    index_TNE: Tensor, shots: tuple[int, ...], layout: Layout, generator: torch.Generator
) -> Assignment:
    """Divide the examples of each class into support and queries, in random order.

    The first examples of a class are support. The last ones are queries, as many as the layout says.

    Args:
        index_TNE: the places of E examples of each of N classes.
        shots: support examples of each class.
        layout: queries of each class, and whether support labels are shuffled.
        generator: the source of random numbers.
    """
    most = max(shots)
    place_S = torch.tensor([way * most + shot for way, count in enumerate(shots) for shot in range(count)])
    support_index, support_order = _shuffled(index_TNE[..., :most], place_S.to(index_TNE.device), generator)
    query = index_TNE[..., -layout.queries :]
    query_index, query_order = _shuffled(query, torch.arange(query[0].numel(), device=query.device), generator)
    support_y, query_y = support_order // most, query_order // layout.queries
    if layout.shuffled_labels:
        support_y = _labels_at_random(index_TNE.shape[0], shots, generator).gather(1, support_order.argsort().argsort())
    return Assignment(support_index, support_y, query_index, query_y)


def draw_shots(shots: Shots, ways: int, generator: torch.Generator) -> tuple[int, ...]:
    """The number of support examples of each class, drawn if it is random.

    Args:
        shots: what the layout says.
        ways: N, the classes.
        generator: the source of random numbers.
    """
    if isinstance(shots, ShotsOfEach):
        return shots.counts
    if isinstance(shots, UnevenShots):
        unit_N = torch.rand(ways, generator=generator, device=generator.device)
        drawn_N = shots.lowest * ((shots.highest + 1) / shots.lowest) ** unit_N
        return tuple(drawn_N.floor().long().clamp(max=shots.highest).tolist())
    return (draw_count(shots, generator),) * ways


def draw_count(count: Count, generator: torch.Generator) -> int:
    """The count itself, or a uniform draw from its range.

    Args:
        count: a number, or the lowest and the highest.
        generator: the source of random numbers.
    """
    if isinstance(count, int):
        return count
    least, most = count
    return int(torch.randint(least, most + 1, (), generator=generator, device=generator.device))


def is_drawn(count: Count | Shots) -> bool:
    """Whether a count is drawn for each batch. Fixed counts of each class are not.

    Args:
        count: what the layout says.
    """
    if isinstance(count, ShotsOfEach):
        return False
    return isinstance(count, UnevenShots) or lowest(count) < highest(count)


def draw_distinct(rows: int, count: int, population: int | Tensor, generator: torch.Generator) -> Tensor:
    """Draw distinct indices for each row, (rows, count), uniform and in random order.

    Args:
        rows: how many rows to draw.
        count: indices of a row.
        population: how many indices there are, or (rows,) if rows differ.
        generator: the source of random numbers.
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


def _shuffled(index_TNE: Tensor, place_S: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Take the examples at these places, in random order. Return their indices and places."""
    order_TS = place_S[_random_order((len(index_TNE), len(place_S)), generator)]
    return index_TNE.flatten(1).gather(1, order_TS), order_TS


def _labels_at_random(num_tasks: int, shots: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Assign labels to the examples of every task at random. Each class has as many labels as it has shots."""
    # N tasks in turn share one order of labels and differ by the label it starts from, so over them each place has each
    # label once. With independent labels, a good learner's mean over a thousand tasks could be a percent above chance.
    ways = len(shots)
    label_S = torch.arange(ways).repeat_interleave(torch.tensor(shots)).to(generator.device)
    groups = -(-num_tasks // ways)
    order = _random_order((groups, len(label_S)), generator).repeat_interleave(ways, dim=0)[:num_tasks]
    first = torch.arange(num_tasks, device=generator.device) % ways
    return (label_S[order] + first[:, None]) % ways


def _random_order(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device).argsort(dim=1)


def gather_images(
    scaled: Scaled, index_TE: Tensor, jitter: Jitter | Augmentation | None, generator: torch.Generator
) -> Tensor:
    """Gather images as floats (T, E, *image), with a random change of each if there is a jitter.

    Args:
        scaled: images (B, *image).
        index_TE: the places of the images to gather.
        jitter: random changes of each image. None for no change.
        generator: the source of random numbers.
    """
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


def changed_images(
    images: Tensor, jitter: Jitter | Augmentation | None, generator: torch.Generator, at_once: int = 2**14
) -> Tensor:
    """Classes as bytes (C, E, H, W), each image with a random change of its own.

    Args:
        images: (C, E, H, W), classes and their examples.
        jitter: random changes of each image. None for no change.
        generator: the source of random numbers.
        at_once: how many images are floats at a time.
    """
    if jitter is None:
        return images
    flat, scale = read_images(images.flatten(0, 1))
    parts = torch.arange(len(flat)).split(at_once)
    changed = [gather_images(Scaled(flat, scale), part[None], jitter, generator)[0] for part in parts]
    changed = [ink.clamp_(0, 1).mul_(255).round_().byte() for ink in changed]
    return torch.cat(changed).view(images.shape)


def gather_tasks(
    images: Scaled, assignment: Assignment, jitter: Jitter | Augmentation | None, generator: torch.Generator
) -> Tasks:
    """Gather the tasks of an assignment.

    Args:
        images: images (B, *image).
        assignment: the examples and labels of the tasks.
        jitter: random changes of each image. None for no change.
        generator: the source of random numbers.
    """
    return Tasks(
        gather_images(images, assignment.support_index, jitter, generator),
        assignment.support_y,
        gather_images(images, assignment.query_index, jitter, generator),
        assignment.query_y,
    )


def refuse_layout(layout: Layout) -> None:
    """Refuse an invalid layout.

    Args:
        layout: what is checked.

    Raises:
        UserError: if a number is below one, a range is empty, or the shots are those of other classes.
    """
    for name, count in (("ways", layout.ways), ("shots", layout.shots), ("queries", layout.queries)):
        if lowest(count) < 1 or lowest(count) > highest(count):
            raise UserError(
                f"{name} = {count} was given, but numbers from 1 were expected, or a pair of them, the lowest first."
            )
    if isinstance(layout.shots, ShotsOfEach) and len(layout.shots.counts) != layout.ways:
        raise UserError(
            f"Shots of {len(layout.shots.counts)} classes were given, {layout.shots.counts}, but tasks have "
            f"{layout.ways} ways. Give one number for all classes, or one for each."
        )


def lowest(count: Shots) -> int:
    """The lowest number that a count can be.

    Args:
        count: a number, a range or shots.
    """
    if isinstance(count, ShotsOfEach):
        return min(count.counts, default=0)
    return count if isinstance(count, int) else count[0]


def highest(count: Shots) -> int:
    """The highest number that a count can be.

    Args:
        count: a number, a range or shots.
    """
    if isinstance(count, ShotsOfEach):
        return max(count.counts, default=0)
    return count if isinstance(count, int) else count[1]
