"""A learner that was adapted to one task of any size. The estimators and the command line share it.

Letters: G groups, S support examples, Q queries, N ways.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import OnlineLearner, UserError
from quickstudy.estimators.chosen import Chosen
from quickstudy.estimators.slots import Group, join_groups, make_groups
from quickstudy.tasks.jitter import Jitter, jitter_images

_MOVEMENT = Jitter(degrees=6.0, shift=1.0, scale=0.06)
"""How far a round moves its images. All images of a round move together, so no query depends on another."""
_QUERIES_AT_ONCE = 256


class AdaptedClassifier:
    """The states of a learner for the groups of one task.

    Args:
        chosen: The learner.
        num_classes: N, the classes of the task.
        num_draws: Rounds with random label slots, sub-samples and, for images, movements.
        seed: Decides the rounds.
    """

    def __init__(self, chosen: Chosen, num_classes: int, num_draws: int = 1, seed: int = 0) -> None:
        self.chosen, self.num_classes, self.num_draws, self.seed = chosen, num_classes, num_draws, seed
        self.groups: list[Group] = []
        self.states: list[Any] = []

    def adapt(self, x: np.ndarray, labels: np.ndarray) -> "AdaptedClassifier":
        """Read the examples (S, *input) with class indices (S,)."""
        random = np.random.RandomState(self.seed)
        self.groups = make_groups(labels, self.num_classes, self.chosen.limits, self.num_draws, random)
        x_S = self._tensor(x)
        with torch.no_grad():
            self.states = [self._adapt(x_S, group) for group in self.groups]
        return self

    def extend(self, x: np.ndarray, labels: np.ndarray) -> "AdaptedClassifier":
        """Go on learning from more examples (S, *input) with class indices (S,), none of them seen before.

        Raises:
            UserError: if the learner cannot, or the task has more classes than it tells apart.
        """
        learner = self.chosen.learner
        ways = self.chosen.limits.ways
        if not isinstance(learner, OnlineLearner):
            raise UserError(f"'{self.chosen.name}' cannot go on learning. Call fit with all examples.")
        if ways is not None and ways < self.num_classes:
            raise UserError(
                f"There are {self.num_classes} classes, but '{self.chosen.name}' can go on learning with up to {ways}. "
                "Call fit with all examples."
            )
        if not self.states:
            self._begin(learner)
        if any(len(group.classes) != self.num_classes for group in self.groups):
            raise UserError("The task was fitted in groups of classes, so it cannot go on learning. Call fit again.")
        x_S = self._tensor(x)
        for index, group in enumerate(self.groups):
            slots = self._tensor(np.argsort(group.classes)[labels])
            with torch.no_grad():
                self.states[index] = learner.extend(self.states[index], self._moved(x_S, group)[None], slots[None])
        return self

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Probabilities (Q, N) of the classes of queries (Q, *input)."""
        parts = [self._part(x[start : start + _QUERIES_AT_ONCE]) for start in range(0, len(x), _QUERIES_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, self.num_classes))

    def _begin(self, learner: OnlineLearner) -> None:
        random = np.random.RandomState(self.seed)
        for number in range(self.num_draws):
            order = random.permutation(self.num_classes) if number else np.arange(self.num_classes)
            nothing = np.zeros(0, dtype=np.int64)
            self.groups.append(Group(order, nothing, nothing, number))
            self.states.append(learner.prior(1))

    def _part(self, x: np.ndarray) -> np.ndarray:
        x_Q = self._tensor(x)
        said = [self._say(group, state, x_Q) for group, state in zip(self.groups, self.states, strict=True)]
        return join_groups(said, self.groups, self.num_classes)

    def _say(self, group: Group, state: Any, x_Q: Tensor) -> np.ndarray:
        """Log-probabilities (Q, n) of the classes of a group."""
        with torch.no_grad():
            logits = self.chosen.learner.predict(state, self._moved(x_Q, group)[None]).logits[0]  # type: ignore[attr-defined]
        size = len(group.classes)
        return logits[:, :size].double().log_softmax(dim=-1).cpu().numpy()

    def _adapt(self, x_S: Tensor, group: Group) -> Any:
        support = self._moved(x_S[self._tensor(group.examples)], group)
        return self.chosen.learner.adapt(support[None], self._tensor(group.labels)[None])

    def _tensor(self, values: np.ndarray) -> Tensor:
        """An array as a tensor on the learner's device."""
        own = next(self.chosen.learner.parameters(), None)
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        return tensor if own is None else tensor.to(own.device)

    def _moved(self, images: Tensor, group: Group) -> Tensor:
        """Drawings (n, 1, H, W), moved as this round moves them. The first round moves nothing."""
        if group.round_index == 0 or self.num_draws == 1 or images.ndim != 4 or not self.chosen.reads_drawings:
            return images
        generator = torch.Generator().manual_seed(self.seed + 7919 * group.round_index)
        # As channels of one image, all get the same movement.
        moved = jitter_images(images.transpose(0, 1).cpu(), _MOVEMENT, generator).transpose(0, 1)
        return moved.clamp(0, 1).to(images.device)
