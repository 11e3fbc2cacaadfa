"""Tasks with more classes or examples than a learner was made for: groups of classes, sub-samples, random label slots.

A learner with label slots tells a limited number of classes apart. A larger task becomes several tasks, each with a
group of the classes, and the predictions of all groups are joined to one.

Letters: G groups, Q queries, N ways of the whole task, n ways of a group.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_MOST_ROUNDS = 8
"""Rounds for the sake of many examples. Further ones change little."""
_DOUBT = 1e-4
"""Share of a prediction that is spread over all classes of a group, so that no single group can exclude a class."""


class Group(NamedTuple):
    """One task of a learner: some of the classes and some of their examples."""

    classes: np.ndarray
    """(n,): the class in each label slot."""
    examples: np.ndarray
    """Places of the examples in the whole support."""
    labels: np.ndarray
    """The label slot of each example."""
    round_index: int
    """Groups of one round have all classes once, and share a movement of their images."""


class Limits(NamedTuple):
    """What a learner was made for. None stands for no limit."""

    ways: int | None = None
    """Classes that it tells apart."""
    shots: int | None = None
    """Examples of a class."""
    examples: int | None = None
    """Examples of all classes together."""
    has_slots: bool = False
    """Whether each label has its own weights, so that the order of the labels matters."""


def make_groups(
    labels: np.ndarray, num_classes: int, limits: Limits, num_draws: int, random: np.random.RandomState
) -> list[Group]:
    """Groups such that every class is compared with every other one, directly or through others.

    Args:
        labels: (S,) class indices of the support.
        num_classes: N, the classes of the task.
        limits: What the learner was made for.
        num_draws: Fewest rounds. Each round has its own label slots and its own sub-sample of the examples.
        random: The source of random numbers.
    """
    ways = num_classes if limits.ways is None else min(limits.ways, num_classes)
    members = [random.permutation(np.flatnonzero(labels == each)) for each in range(num_classes)]
    shots = _shots(limits, ways)
    rounds = max(num_draws, _rounds_for_classes(num_classes, ways), _rounds_for_examples(members, shots))
    is_plain = ways == num_classes and shots is None
    groups: list[Group] = []
    for number in range(rounds):
        order = random.permutation(num_classes) if not is_plain or limits.has_slots else np.arange(num_classes)
        if is_plain and number == 0:
            order = np.arange(num_classes)  # What the learner itself would say comes first.
        for classes in np.array_split(order, math.ceil(num_classes / ways)):
            groups.append(_group(classes, members, shots, number, is_plain))
    return groups


def _group(classes: np.ndarray, members: Sequence[np.ndarray], shots: int | None, number: int, is_plain: bool) -> Group:
    chosen = [_turn(members[each], shots, number) for each in classes]
    examples = np.concatenate(chosen)
    labels = np.repeat(np.arange(len(classes)), [len(each) for each in chosen])
    order = np.argsort(examples, kind="stable") if is_plain else np.arange(len(examples))
    return Group(classes, examples[order], labels[order], number)


def _turn(members: np.ndarray, shots: int | None, number: int) -> np.ndarray:
    """The examples of a class whose turn it is in this round."""
    if shots is None or len(members) <= shots:
        return members
    return np.take(members, np.arange(number * shots, (number + 1) * shots), mode="wrap")


def _shots(limits: Limits, ways: int) -> int | None:
    fitting = [] if limits.examples is None else [max(1, limits.examples // ways)]
    return min([*fitting, *([] if limits.shots is None else [limits.shots])], default=None)


def _rounds_for_classes(num_classes: int, ways: int) -> int:
    """So many that a class meets every other one about twice, if groups are smaller than the task."""
    return 1 if ways == num_classes else math.ceil(2 * (num_classes - 1) / max(ways - 1, 1))


def _rounds_for_examples(members: Sequence[np.ndarray], shots: int | None) -> int:
    if shots is None:
        return 1
    return min(_MOST_ROUNDS, max(math.ceil(len(each) / shots) for each in members))


def join_groups(log_probabilities: Sequence[np.ndarray], groups: Sequence[Group], num_classes: int) -> np.ndarray:
    """Probabilities (Q, N) from those of the groups.

    Each group says by how much some classes are more likely than others, on a logarithmic scale. The joined scores
    agree with all groups as well as possible, by least squares. If every group has all classes, the scores are means of
    logarithms. A single group is returned unchanged.

    Args:
        log_probabilities: Of each group (Q, n), in the order of its label slots.
        groups: The groups.
        num_classes: N.
    """
    if len(groups) == 1:
        joined = np.full((len(log_probabilities[0]), num_classes), -np.inf)
        joined[:, groups[0].classes] = log_probabilities[0]
        return _probabilities(joined)
    laplacian = np.zeros((num_classes, num_classes))
    sums = np.zeros((len(log_probabilities[0]), num_classes))
    is_seen = np.zeros(num_classes, dtype=bool)
    for logarithms, group in zip(log_probabilities, groups, strict=True):
        is_possible = np.isfinite(logarithms).any(axis=0) if len(logarithms) else np.ones(len(group.classes), bool)
        classes, size = group.classes[is_possible], int(is_possible.sum())
        doubted = np.log((1 - _DOUBT) * np.exp(logarithms[:, is_possible]) + _DOUBT / max(size, 1))
        laplacian[np.ix_(classes, classes)] += np.eye(size) - 1 / max(size, 1)
        sums[:, classes] += doubted - doubted.mean(axis=1, keepdims=True)
        is_seen[classes] = True
    scores = sums @ np.linalg.pinv(laplacian, hermitian=True)
    scores[:, ~is_seen] = -np.inf
    return _probabilities(scores)


def _probabilities(scores: np.ndarray) -> np.ndarray:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.finfo(float).max))
    return shifted / shifted.sum(axis=1, keepdims=True)
