"""Classes of many shapes, made without data: for learners of tables and of frozen features.

A task is either classes of clusters, or a random function of the features cut into classes, as in the open priors for
tables: Müller et al., "Transformers Can Do Bayesian Inference" (ICLR 2022), section 5.

Letters: T tasks, E examples of a class, N ways, D features, L hidden numbers, C clusters of a class, P points.
"""

import copy
import math
from typing import NamedTuple, Self

import torch
from torch import Tensor

from quickstudy.core import Tasks


class ShapesLayout(NamedTuple):
    """How many of what a task has; each batch draws a number between two bounds."""

    ways: tuple[int, int] = (2, 20)
    """Fewest and most classes."""
    shots: tuple[int, int] = (1, 20)
    """Fewest and most examples of a class."""
    examples: int = 120
    """Most examples of all classes."""
    queries: int = 40
    """Most queries of all classes."""
    features: tuple[int, int] = (2, 256)
    """Fewest and most features."""
    uneven: float = 0.3
    """Share of batches whose classes differ in their numbers of examples."""
    functions: float = 0.4
    """Share of batches whose classes are parts of a random function, for up to `_FUNCTION_WAYS` ways."""


_FUNCTION_WAYS = 5
_MOST_HIDDEN = 32
_CLUSTERS = 3


class ShapedClasses:
    """Tasks whose classes are clusters, or parts of a random function, in features of many kinds.

    Each task draws how many hidden numbers its examples have, how fast their variance falls, how far classes lie apart,
    how many clusters a class has and how they differ, how heavy the tails are, and by which maps the features come
    about.

    Args:
        layout: How many of what a task has.
    """

    def __init__(self, layout: ShapesLayout = ShapesLayout()) -> None:  # noqa: B008  # Cannot be changed.
        self.layout, self.device = layout, torch.device("cpu")

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, made on another device.

        Args:
            device: The new device.
        """
        moved = copy.copy(self)
        moved.device = torch.device(device)
        return moved

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """New tasks.

        Args:
            num_tasks: T, the tasks of the batch.
            generator: The source of random numbers.
        """
        layout, draw = self.layout, _Draw(generator)
        is_function = float(draw.uniform(0, 1)) < layout.functions
        fewest, most = layout.ways
        ways = draw.rising(fewest, max(fewest, min(most, _FUNCTION_WAYS)) if is_function else most)
        shots = draw.rising(*layout.shots)
        shots = max(layout.shots[0], min(shots, layout.examples // ways))
        queries = max(1, layout.queries // ways)
        features = draw.rising(*layout.features)
        make = _function_classes if is_function else _clusters
        examples_TNED = make(num_tasks, ways, shots + queries, features, draw)
        is_uneven = float(draw.uniform(0, 1)) < layout.uneven
        kept_N = [draw.integer(1, shots) if is_uneven else shots for _ in range(ways)]
        support = torch.cat([examples_TNED[:, place, :kept] for place, kept in enumerate(kept_N)], dim=1)
        labels_S = torch.arange(ways, device=support.device).repeat_interleave(torch.tensor(kept_N).to(support.device))
        labels_TN = torch.arange(ways, device=support.device).expand(num_tasks, -1)
        return Tasks(
            support,
            labels_S.expand(num_tasks, -1),
            examples_TNED[:, :, shots:].flatten(1, 2),
            labels_TN.repeat_interleave(queries, dim=1),
        )


class _Draw:
    """Random numbers of one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=self.generator.device)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.generator.device)

    def integer(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=self.generator, device=self.generator.device))

    def rising(self, low: int, high: int) -> int:
        """A whole number whose logarithm is uniform, so that small ones are as frequent as large ones."""
        return min(high, int(math.exp(float(self.uniform(math.log(low), math.log(high + 1))))))


def _clusters(tasks: int, ways: int, examples: int, features: int, draw: _Draw) -> Tensor:
    """Examples (T, N, E, D) of classes that are one to three clusters."""
    hidden = draw.integer(min(2, features), min(features, _MOST_HIDDEN))
    rank_L = torch.arange(1, hidden + 1, dtype=torch.float, device=draw.generator.device)
    between_TL, within_TL = (rank_L ** -draw.uniform(0, 1.5, tasks, 1) for _ in range(2))
    # So that classes overlap about as much with many hidden numbers as with few.
    distance_T1 = draw.uniform(-0.5, 1.9, tasks, 1).exp() * (4 / hidden) ** 0.25
    centres_TN1CL = draw.normal(tasks, ways, 1, 1, hidden) + draw.uniform(0, 0.8, tasks, 1, 1, 1, 1) * draw.normal(
        tasks, ways, 1, _CLUSTERS, hidden
    )
    centres_TN1CL = centres_TN1CL * (distance_T1 * between_TL)[:, None, None, None]
    chosen_TNE = (draw.uniform(0, 1, tasks, ways, examples) * draw.uniform(1, 1 + _CLUSTERS, tasks, 1, 1)).long()
    chosen_TNE1 = chosen_TNE.clamp(max=_CLUSTERS - 1)[..., None]
    centre_TNEL = centres_TN1CL.squeeze(2).gather(2, chosen_TNE1.expand(-1, -1, -1, hidden))
    size_TN11 = (draw.uniform(0, 0.5, tasks, 1, 1, 1) * draw.normal(tasks, ways, 1, 1)).exp()
    stretch_TN1L = (draw.uniform(0, 0.7, tasks, 1, 1, 1) * draw.normal(tasks, ways, 1, hidden)).exp()
    noise_TNEL = _heavy(draw.normal(tasks, ways, examples, hidden), draw) * within_TL[:, None, None]
    return _seen(centre_TNEL + noise_TNEL * size_TN11 * stretch_TN1L, features, draw)


def _function_classes(tasks: int, ways: int, examples: int, features: int, draw: _Draw) -> Tensor:
    """Examples (T, N, E, D) whose class is the part of the range of a random function that they fall into."""
    hidden = draw.integer(min(2, features), min(features, _MOST_HIDDEN))
    points = ways * examples
    x_TPL = _heavy(draw.normal(tasks, points, hidden), draw)
    values_TP = _function(x_TPL, draw)
    noise_T1 = draw.uniform(0, 0.4, tasks, 1) * values_TP.std(dim=1, keepdim=True)
    order_TP = (values_TP + noise_T1 * draw.normal(tasks, points)).argsort(dim=1)
    parts = 1 if float(draw.uniform(0, 1)) < 0.5 else 2
    # Each class owns as many parts of the range; with two parts each, the order of classes is not that of values.
    order_TNE = order_TP[:, : points - points % (ways * parts)].unflatten(1, (ways * parts, -1))
    shuffled = torch.rand(ways * parts, generator=draw.generator, device=draw.generator.device).argsort()
    order_TNE = order_TNE[:, shuffled].unflatten(1, (ways, parts)).flatten(2)
    mixed = torch.rand(order_TNE.shape, generator=draw.generator, device=draw.generator.device).argsort(dim=-1)
    order_TNE = order_TNE.gather(2, mixed)
    if order_TNE.shape[2] < examples:
        order_TNE = torch.cat([order_TNE, order_TNE[:, :, : examples - order_TNE.shape[2]]], dim=2)
    seen_TPD = _seen(x_TPL[:, None], features, draw)[:, 0]
    return seen_TPD.gather(1, order_TNE.flatten(1)[..., None].expand(-1, -1, features)).unflatten(1, (ways, examples))


def _function(x_TPL: Tensor, draw: _Draw) -> Tensor:
    """Values (T, P) of a linear function, a smooth one, or one with steps along single features."""
    tasks, _, hidden = x_TPL.shape
    # Few hidden numbers count, as in most tables.
    counts_T1L = (draw.uniform(0, 1, tasks, 1, hidden) < draw.uniform(0.2, 1, tasks, 1, 1)).float()
    weights_TL = draw.normal(tasks, hidden)
    linear_TP = (x_TPL * counts_T1L * weights_TL[:, None]).sum(dim=-1)
    width = 8
    inner_TPW = (x_TPL * counts_T1L) @ draw.normal(tasks, hidden, width) + draw.normal(tasks, 1, width)
    smooth_TP = (inner_TPW.tanh() @ draw.normal(tasks, width, 1)).squeeze(-1)
    steps_TPL = (x_TPL > 0.7 * draw.normal(tasks, 1, hidden)).float() * counts_T1L
    stepped_TP = (steps_TPL * draw.normal(tasks, 1, hidden)).sum(dim=-1)
    kind_T1 = draw.uniform(0, 3, tasks, 1).long()
    values = torch.stack([linear_TP, smooth_TP, stepped_TP], dim=-1)
    return values.gather(2, kind_T1[..., None].expand(-1, values.shape[1], 1)).squeeze(-1)


def _heavy(normal: Tensor, draw: _Draw) -> Tensor:
    """In half of the tasks, normal numbers become Student's t with 3 to 12 degrees of freedom, one draw an example."""
    tasks, device = len(normal), draw.generator.device
    shape = (tasks, *normal.shape[1:-1], 1)
    freedom = draw.integer(3, 12)
    chi = draw.normal(*shape[:-1], freedom).square().sum(dim=-1, keepdim=True) / freedom
    is_heavy = (torch.rand(tasks, generator=draw.generator, device=device) < 0.5).view(-1, *[1] * (normal.ndim - 1))
    return torch.where(is_heavy, normal / chi.sqrt(), normal)


def _seen(z_TNEL: Tensor, features: int, draw: _Draw) -> Tensor:
    """The hidden numbers as features (T, N, E, D): mixed or one by one, curved, noisy, in any units."""
    tasks, hidden = len(z_TNEL), z_TNEL.shape[-1]
    mixing_T11LD = draw.normal(tasks, 1, 1, hidden, features) / math.sqrt(hidden)
    if float(draw.uniform(0, 1)) < 0.4:  # Each feature shows one hidden number.
        shown = torch.randint(hidden, (features,), generator=draw.generator, device=draw.generator.device)
        shown[:hidden] = torch.arange(hidden)[:features].to(shown.device)
        mixed_TNED = z_TNEL[..., shown]
    else:
        mixed_TNED = (z_TNEL[..., None, :] @ mixing_T11LD).squeeze(-2)
    noise_T111 = draw.uniform(-4, 0, tasks, 1, 1, 1).exp()
    mixed_TNED = mixed_TNED + noise_T111 * draw.normal(*mixed_TNED.shape)
    # Some features have nothing to do with the classes.
    is_idle_T11D = draw.uniform(0, 1, tasks, 1, 1, features) < draw.uniform(0, 0.5, tasks, 1, 1, 1) * (features > 3)
    mixed_TNED = torch.where(is_idle_T11D, draw.normal(*mixed_TNED.shape), mixed_TNED)
    shift_T11D = 0.5 * draw.normal(tasks, 1, 1, features)
    bends = [mixed_TNED, (mixed_TNED + shift_T11D).clamp(min=0), (2 * mixed_TNED).tanh(), mixed_TNED.clamp(-4, 4).exp()]
    kind = draw.integer(0, 2 * len(bends) - 1)  # Half of the batches are straight.
    bent_TNED = bends[kind] if kind < len(bends) else mixed_TNED
    if float(draw.uniform(0, 1)) < 0.15:  # Few values, as of counts and categories.
        bent_TNED = (2 * bent_TNED).round()
    units_T11D = (draw.uniform(0, 2, tasks, 1, 1, 1) * draw.normal(tasks, 1, 1, features)).exp()
    return bent_TNED * units_T11D + draw.normal(tasks, 1, 1, features) * units_T11D
