"""What MAML and Reptile share: a network whose weights are trained anew for each task, and how it then answers.

Letters: T tasks, E examples of any kind, S support examples, N outputs; C channels of a layer.
"""

from abc import abstractmethod
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, Normal

from quickstudy.core import (
    Learner,
    UserError,
    adapted_by_size,
    categorical,
    independent,
    is_traced,
    packed,
    read_query,
    read_support,
    read_values,
)
from quickstudy.core.compiling import not_compiled
from quickstudy.networks.batch_statistics import Beside, Recording
from quickstudy.networks.class_means import balanced_index, mask_absent
from quickstudy.networks.explicit_gradients import with_gradients
from quickstudy.networks.functional import FunctionalNetwork, Weights
from quickstudy.networks.low_rank_updates import LowRankUpdate, UpdatedLinear

Answers = Literal["classes", "values"]
_LARGEST_WEIGHT = 1e6
"""A weight beyond it comes from steps that grow without end."""


class AdaptedState(NamedTuple):
    """A network for each task."""

    weights: tuple[Tensor | LowRankUpdate, ...]
    """(T, …) of each weight that was trained, in the order of the learner's `adapted_names`; of a large matrix perhaps
    the steps since the network's own."""
    moments: tuple[Tensor, ...]
    """Mean and variance (T, 2, C) of the support in each normalising layer; none for a transductive learner."""
    num_support: Tensor
    """(T,) how many examples they are of."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the class, or the output is a value's."""


class InnerLoopLearner(Learner):
    """Trains the network on the support, and predicts with the trained weights.

    The network's outputs are the logits of the classes, or the mean of a value. Batch normalisation has no running
    statistics. In a transductive learner, queries are normalised among themselves, as in the papers' tables. Else, each
    query is normalised together with the support alone. You can change `is_transductive` at any time before adapting.

    Args:
        network: Network whose weights are trained.
        answers: What it predicts: classes or values.
        is_transductive: Normalise queries among themselves; switched off, each query with the support alone.

    Raises:
        ValueError: if there is no such kind of answers.
    """

    labels_are_slots = True

    def __init__(self, network: FunctionalNetwork, answers: Answers, is_transductive: bool) -> None:
        super().__init__()
        if answers not in ("classes", "values"):
            raise ValueError(f"answers is {answers!r}, but classes or values was expected.")
        self.network, self.answers, self.is_transductive = network, answers, is_transductive
        self.log_deviation = torch.nn.Parameter(torch.zeros(network.num_outputs)) if answers == "values" else None

    @property
    @abstractmethod
    def adapted_names(self) -> tuple[str, ...]:
        """Names of the network's weights that are trained for each task."""

    @abstractmethod
    def adapted(self, support_x: Tensor, support_y: Tensor, is_present: Tensor, most_examples: int) -> Weights:
        """All of the network's weights, those of `adapted_names` after training on the support.

        Args:
            support_x: Inputs (T, S, *input).
            support_y: Class indices (T, S), or values (T, S, Y).
            is_present: Which classes each task has, (T, N) booleans.
            most_examples: Examples of the largest support that is adapted in this call.
        """

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> AdaptedState:
        """Train on the examples (T, S, *input) with class indices (T, S) or values (T, S, Y)."""
        support_x, support_y, mask = self._balanced(*self._read(support_x, support_y, support_mask))
        most = support_x.shape[1]
        if mask is None:
            return self._adapted_state(support_x, support_y, most)

        def adapted(task_B: Tensor, size: int) -> AdaptedState:
            return self._adapted_state(support_x[task_B, :size], support_y[task_B, :size], most)

        return adapted_by_size(adapted, mask)

    @not_compiled
    def _refuse_divergence(self, weights: Weights) -> None:
        trained = (weights[name] for name in self.adapted_names)
        tensors = [each.steps.change if isinstance(each, UpdatedLinear) else each for each in trained]
        sizes = [tensor.detach().flatten(1).abs().amax(dim=1) for tensor in tensors if tensor.numel()]
        largest_T = torch.stack(sizes).amax(dim=0) if sizes else torch.zeros(0)
        if not (is_stable_T := largest_T <= _LARGEST_WEIGHT).all():
            raise UserError(
                f"Gradient descent on the support diverged in {int((~is_stable_T).sum())} of {len(is_stable_T)} tasks. "
                "Give inputs of the scale that the learner was trained on, more examples, fewer test_steps, or a lower "
                "rate."
            )

    @not_compiled
    def _balanced(self, x: Tensor, y: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """The support with as many examples of every class: losses and batch statistics are no large class's."""
        if (
            is_traced() or self.answers == "values" or (self.training and x.device.type != "cpu")
        ):  # There the host would wait.
            return x, y, mask
        found = balanced_index(y, self.network.num_outputs, mask)
        if found is None:
            return x, y, mask
        index_TL, mask_TL = found
        task_T1 = torch.arange(x.shape[0], device=x.device)[:, None]
        x, y = packed(x[task_T1, index_TL], mask_TL), packed(y[task_T1, index_TL], mask_TL)
        mask_TL = packed(mask_TL, mask_TL)
        return x, y, None if bool(mask_TL.all()) else mask_TL

    def _adapted_state(self, support_x: Tensor, support_y: Tensor, most_examples: int) -> AdaptedState:
        is_present = self._present(support_y)
        weights = self.adapted(support_x, support_y, is_present, most_examples)
        if not self.training and not is_traced():  # In training, the loop finds a loss that is not finite.
            self._refuse_divergence(weights)
        moments: tuple[Tensor, ...] = ()
        if not self.is_transductive:
            recording = Recording()
            self.network.features(weights, support_x, recording)
            moments = tuple(recording.moments)
        num_support_T = support_x.new_full(support_x.shape[:1], support_x.shape[1])
        trained = (weights[name] for name in self.adapted_names)
        kept = tuple(weight.steps if isinstance(weight, UpdatedLinear) else weight for weight in trained)
        return AdaptedState(kept, moments, num_support_T, is_present)

    def predict(self, state: AdaptedState, query_x: Tensor) -> Distribution:
        """Answers to the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x)
        self._refuse_other_sizes(query_x)
        if not query_x.shape[1]:  # Among none there is nothing to normalise by.
            return self._distribution(
                query_x.new_empty(query_x.shape[0], 0, self.network.num_outputs), state.is_present
            )
        weights = self.network.weights(query_x.shape[0]) | self._trained_weights(state)
        if self.is_transductive:
            return self._distribution(self.network(weights, query_x), state.is_present)
        if not state.moments and self.network.norm_names:
            raise UserError(
                "The state was made while the learner was transductive, so it does not know the support's statistics. "
                "Adapt again, or set is_transductive = True."
            )
        outputs_TQN = self.network(weights, query_x, Beside(state.moments, state.num_support))
        return self._distribution(outputs_TQN, state.is_present)

    def _trained_weights(self, state: AdaptedState) -> Weights:
        first, named = self.network.first, zip(self.adapted_names, state.weights, strict=True)
        return {
            name: UpdatedLinear(first[name], weight) if isinstance(weight, LowRankUpdate) else weight
            for name, weight in named
        }

    def losses(self, outputs_TEN: Tensor, y: Tensor, is_present_TN: Tensor) -> Tensor:
        """The loss that training lowers in each task, (T,): the mean of the cross-entropies, or of the squared errors.

        Args:
            outputs_TEN: Outputs of the network.
            y: Class indices (T, E), or values (T, E, Y).
            is_present_TN: Which classes each task has.
        """
        if self.answers == "values":
            return (outputs_TEN - y).square().mean(dim=(1, 2))
        logits_TEN = mask_absent(outputs_TEN, is_present_TN)
        return F.cross_entropy(logits_TEN.transpose(1, 2), y.long(), reduction="none").mean(dim=1)

    def traced_gradients(self, weights: Weights, x: Tensor, y: Tensor, is_present_TN: Tensor) -> Weights:
        """Gradients of `losses` for all weights, without automatic differentiation, which a graph does not have.

        Args:
            weights: Weights of each task by name.
            x: Inputs (T, E, *input).
            y: Class indices (T, E), or values (T, E, Y).
            is_present_TN: Which classes each task has.
        """
        outputs_TEN, backward = with_gradients(self.network, weights, x)
        if self.answers == "values":
            return backward(2 * (outputs_TEN - y) / (x.shape[1] * self.network.num_outputs))
        slots_N = torch.arange(self.network.num_outputs, device=x.device)
        wrong_TEN = mask_absent(outputs_TEN, is_present_TN).softmax(dim=2) - (y[..., None] == slots_N).to(x)
        return backward(wrong_TEN / x.shape[1])

    def _distribution(self, outputs_TQN: Tensor, is_present_TN: Tensor) -> Distribution:
        if self.log_deviation is None:
            return categorical(mask_absent(outputs_TQN, is_present_TN))
        return independent(Normal(outputs_TQN, self.log_deviation.exp().expand_as(outputs_TQN)))

    def _present(self, y: Tensor) -> Tensor:
        if self.answers == "values":
            return torch.ones(len(y), self.network.num_outputs, dtype=torch.bool, device=y.device)
        return (y[..., None] == torch.arange(self.network.num_outputs, device=y.device)).any(dim=1)

    def _read(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
        if self.answers == "classes":
            x, y, mask = read_support(self, x, y, mask, max_ways=self.network.num_outputs)
            self._refuse_other_sizes(x)
            return x, y, mask
        num_inputs: Any = getattr(self.network, "num_inputs", None)
        x, y, mask = read_values(self, x, y, mask, sizes=(num_inputs, self.network.num_outputs))
        if y.numel() == 0 or not (mask is None or mask.any(dim=1).all()):
            raise UserError("The support is empty, but weights are trained on examples. Give one point at least.")
        return x, y, mask

    def _refuse_other_sizes(self, x: Tensor) -> None:
        num_inputs: int | None = getattr(self.network, "num_inputs", None)
        if num_inputs is not None and x.shape[2:].numel() != num_inputs:
            raise UserError(
                f"An input has shape {tuple(x.shape[2:])}, but the learner was built for {num_inputs} numbers. Resize "
                "the inputs, or build it for as many."
            )
