"""A learner that was adapted to one task of any size. The estimators and the command line share it.

Letters: G groups, S support examples, Q queries, N ways.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import CalibratedSetting, OnlineLearner, UserError
from quickstudy.core.calibrated import class_sums, log_probabilities, score_of_distance, scores_of_logits
from quickstudy.estimators.chosen import Chosen
from quickstudy.estimators.slots import Group, join_groups, make_groups
from quickstudy.tasks.jitter import Jitter, jitter_images

_MOVEMENT = Jitter(degrees=6.0, shift=1.0, scale=0.06)
"""How far a round moves its images. All images of a round move together, so no query depends on another."""
_QUERIES_AT_ONCE = 256


class AdaptedClassifier:
    """The states of a learner for the groups of one task. Probabilities are calibrated where the weights are.

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
        self.shots = 1.0
        self.counts = np.zeros(num_classes)
        self.sums: Tensor | None = None

    def adapt(self, x: np.ndarray, labels: np.ndarray) -> "AdaptedClassifier":
        """Read the examples.

        Args:
            x: Inputs (S, *input).
            labels: Class indices (S,).
        """
        random = np.random.RandomState(self.seed)
        self.groups = make_groups(labels, self.num_classes, self.chosen.limits, self.num_draws, random)
        x_S = self._tensor(x)
        with torch.no_grad():
            self.states = [self._adapt(x_S, group) for group in self.groups]
        self.shots = float(np.mean([len(group.examples) / len(group.classes) for group in self.groups]))
        self.counts, self.sums = np.zeros(self.num_classes), None
        self._count(x_S, labels)
        return self

    def extend(self, x: np.ndarray, labels: np.ndarray) -> "AdaptedClassifier":
        """Go on learning from more examples, none of them seen before.

        Args:
            x: Inputs (S, *input).
            labels: Class indices (S,).

        Raises:
            UserError: if the learner cannot, or the task has more classes than it can name.
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
        self._count(x_S, labels)
        self.shots = float(self.counts.mean())
        return self

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Probabilities (Q, N) of the classes of queries.

        Args:
            x: Inputs (Q, *input).
        """
        parts = [self._part(x[start : start + _QUERIES_AT_ONCE]) for start in range(0, len(x), _QUERIES_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, self.num_classes))

    def is_known(self, x: np.ndarray) -> np.ndarray:
        """Whether each query is of one of the task's classes: (Q,) booleans. See `core.calibrated`.

        Args:
            x: Inputs (Q, *input).

        Raises:
            UserError: if the weights have no calibration.
        """
        setting = self.calibrated(self.num_classes)
        if setting is None:
            raise self._no_calibration()
        parts = [
            self._scores(setting, self._tensor(x[start : start + _QUERIES_AT_ONCE])) >= setting.lowest_known_score
            for start in range(0, len(x), _QUERIES_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)

    def sets(self, probabilities: np.ndarray, coverage: float) -> np.ndarray:
        """The classes that each query may have: (Q, N) booleans. See `core.calibrated`.

        Args:
            probabilities: What `probabilities` gave, (Q, N).
            coverage: The share of queries whose set holds the true class.

        Raises:
            UserError: if the weights have no calibration, or it has no such coverage.
        """
        setting = self.calibrated(self.num_classes)
        if setting is None:
            raise self._no_calibration()
        with np.errstate(divide="ignore"):
            return np.log(probabilities) >= setting.lowest_log_probability(coverage)

    def calibrated(self, num_classes: int) -> CalibratedSetting | None:
        """What was fitted for tasks such as this one. None if the weights have no calibration.

        Args:
            num_classes: Classes of the task, or of one of its groups.
        """
        calibration = self.chosen.calibration
        return None if calibration is None or not self.shots else calibration.at(num_classes, self.shots)

    def _no_calibration(self) -> UserError:
        return UserError(
            f"'{self.chosen.name}' has no calibration, so it knows neither 'none of these' nor sets of classes. Choose "
            "weights that have one, such as 'omniglot-protonet'; quickstudy card NAME shows it."
        )

    def _count(self, x_S: Tensor, labels: np.ndarray) -> None:
        """Note how many examples a class has and, where the calibration needs it, the sum of their features."""
        self.counts = self.counts + np.bincount(labels, minlength=self.num_classes)
        settings = () if self.chosen.calibration is None else self.chosen.calibration.settings
        if not any(setting.score == "distance" for setting in settings) or not len(labels):
            return
        with torch.no_grad():
            sums = class_sums(self.chosen.learner, x_S[None], self._tensor(labels)[None], self.num_classes)
        self.sums = sums if self.sums is None else self.sums + sums

    def _scores(self, setting: CalibratedSetting, x_Q: Tensor) -> np.ndarray:
        """How much each query (Q,) looks like one of the task's classes."""
        with torch.no_grad():
            if setting.score == "distance":
                if self.sums is None:
                    raise UserError("This task was adapted without what 'none of these' needs. Adapt it again.")
                means = (
                    self.sums / torch.as_tensor(self.counts, dtype=self.sums.dtype, device=self.sums.device)[:, None]
                )
                found = score_of_distance(self.chosen.learner, means, x_Q[None])[0]
                return found.double().cpu().numpy()
            said = [self._logits(group, state, x_Q) for group, state in zip(self.groups, self.states, strict=True)]
        scores = [scores_of_logits(logits)[setting.score].cpu().numpy() for logits in said]
        rounds = sorted({group.round_index for group in self.groups})
        best = [
            np.max(
                [each for each, group in zip(scores, self.groups, strict=True) if group.round_index == number], axis=0
            )
            for number in rounds
        ]
        return np.asarray(np.mean(best, axis=0), dtype=np.float64)

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
        """Calibrated log-probabilities (Q, n) of the classes of a group."""
        setting = self.calibrated(len(group.classes))
        with torch.no_grad():
            logits = self._logits(group, state, x_Q)
        return log_probabilities(logits, 1.0 if setting is None else setting.temperature).cpu().numpy()

    def _logits(self, group: Group, state: Any, x_Q: Tensor) -> Tensor:
        """Logits (Q, n) of the classes of a group."""
        prediction: Any = self.chosen.learner.predict(state, self._moved(x_Q, group)[None])
        logits: Tensor = prediction.logits[0, :, : len(group.classes)]
        return logits

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
