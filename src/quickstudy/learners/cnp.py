"""Conditional Neural Processes: a task is a fixed-size summary of its support.

Garnelo et al., "Conditional Neural Processes" (ICML 2018), section 2 for functions (`CNP`) and section 4.3 for classes
(`CNPClassifier`); our support is their context, our queries are their targets.

Functions: r_i = h(x_i, y_i), r their mean, and g(r, x) gives mean and deviation of the value at x. The mean is a
bottleneck: the prediction need not pass through the support's points, as in the paper.

Classes, by the argument `decoder`:
- "concatenated": as in the paper's section 4.3, one decoder reads all class representations, side by side. It has a
  place for each class, so the number of ways is fixed and labels are slots.
- "one mean": as in section 2, h reads an example's features and its one-hot label, and r is one mean over the whole
  support.
- "shared": one decoder g is applied to each class in turn. It reads the representation of that class, the mean of all
  representations, and the query. So any number of ways is possible, and relabelling the classes relabels the prediction
  exactly.
"""

from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution

from quickstudy.core import (
    Learner,
    OnlineLearner,
    TrainingTasks,
    categorical,
    check_tasks,
    count_ways,
    num_real,
    read_query,
    read_support,
    read_values,
    without_padding,
)
from quickstudy.networks import class_means, mask_absent
from quickstudy.networks.class_means import members
from quickstudy.networks.data_units import DataUnits
from quickstudy.networks.value_head import Likelihood, ValueHead, perceptron

Decoder = Literal["concatenated", "one mean", "shared"]


class CNPState(NamedTuple):
    """The paper's r, as a sum, so that further points can be added."""

    total: Tensor
    """(T, R): the sum of the r_i."""
    num_examples: Tensor
    """(T,): how many they were."""


class CNP(OnlineLearner):
    """Reads points of a function and predicts its values elsewhere, as independent normals or probabilities of ink.

    The cost is that of the support plus that of the queries, never their product. The support may be empty; then r is
    zero.

    Args:
        num_inputs: Numbers of a place.
        num_outputs: Numbers of a value.
        hidden: Width of all layers of h and g.
        encoder_layers: Layers of h.
        decoder_layers: Layers of g.
        likelihood: Distribution of a value: normal, or the probability of ink.
        floor: Smallest standard deviation of a normal prediction; see `ValueHead`.
        has_units: Keep units of a data set with the weights; `units.measure` sets them. For normal predictions.
    """

    def __init__(
        self,
        num_inputs: int = 1,
        num_outputs: int = 1,
        *,
        hidden: int = 128,
        encoder_layers: int = 4,
        decoder_layers: int = 3,
        likelihood: Likelihood = "normal",
        floor: float = 0.1,
        has_units: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = num_inputs, num_outputs
        self.units = DataUnits(num_inputs, num_outputs) if has_units else None
        self.head = ValueHead(num_outputs, likelihood, floor)
        self.encoder = perceptron(num_inputs + num_outputs, *[hidden] * encoder_layers)  # h
        self.decoder = perceptron(hidden + num_inputs, *[hidden] * (decoder_layers - 1), self.head.num_inputs)  # g

    def prior(self, num_tasks: int) -> CNPState:
        """No points."""
        weight = next(self.decoder.parameters())
        hidden = weight.shape[1] - self.sizes[0]
        return CNPState(weight.new_zeros(num_tasks, hidden), weight.new_zeros(num_tasks))

    def extend(
        self, state: CNPState, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None
    ) -> CNPState:
        """Add points (T, S, D) with values (T, S, Y)."""
        precision = None if self.units is None else torch.float64
        support_x, support_y, mask = read_values(
            self, support_x, support_y, support_mask, sizes=self.sizes, state=state, precision=precision
        )
        if self.units is not None:
            support_x, support_y = (
                self.units.places(support_x, like=state.total),
                self.units.values(support_y, like=state.total),
            )
        r_TSR = without_padding(self.encoder(torch.cat([support_x, support_y], dim=-1)), mask)
        return CNPState(state.total + r_TSR.sum(dim=1), state.num_examples + num_real(mask, support_x.shape[1]))

    def predict(self, state: CNPState, query_x: Tensor) -> Distribution:
        """Values at the queries (T, Q, D)."""
        precision = None if self.units is None else torch.float64
        query_x = read_query(self, state, query_x, self.sizes[:1], precision)
        if self.units is not None:
            query_x = self.units.places(query_x, like=state.total)
        r_TR = state.total / state.num_examples.clamp(min=1)[:, None]
        r_TQR = r_TR[:, None].expand(-1, query_x.shape[1], -1)
        prediction: Distribution = self.head(self.decoder(torch.cat([r_TQR, query_x], dim=-1)))
        return prediction if self.units is None else self.units.of_user(prediction)


class CNPClassifierState(NamedTuple):
    """The paper's r, one part for each class."""

    representations: Tensor
    """(T, N, D): r_c, zero for a class without examples; or (T, 1, D), the one mean r."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the class."""


class CNPClassifier(Learner):
    """Encodes each example once, averages within each class, and decodes each query with the averages.

    The cost is that of the support plus that of the queries, never their product.

    Args:
        encoder: Maps inputs (..., *input) to features.
        num_features: Numbers that the encoder gives.
        decoder: One decoder that scores each class, the paper's decoder over all class representations, or a decoder
            over one mean of examples that were encoded with their labels.
        num_ways: Classes that the decoders with label slots read; a task with fewer leaves places empty.
        representation: Numbers of a class representation.
        hidden: Width of the decoder.
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_features: int,
        *,
        decoder: Decoder = "concatenated",
        num_ways: int = 5,
        representation: int = 128,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        if decoder not in get_args(Decoder):
            raise ValueError(f"decoder is {decoder!r}, but one of {get_args(Decoder)} was expected.")
        has_slots = decoder != "shared"
        self.num_ways = num_ways if has_slots else None
        self.labels_are_slots = has_slots  # type: ignore[misc]
        self.encoder = encoder
        self.represent = nn.Linear(num_features, representation)  # The last layer of h.
        labelled = representation + num_ways
        self.with_label = perceptron(labelled, hidden, representation) if decoder == "one mean" else None
        parts = {"concatenated": num_ways + 1, "one mean": 2, "shared": 3}[decoder]
        self.decoder = perceptron(parts * representation, hidden, hidden, num_ways if has_slots else 1)  # g

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> CNPClassifierState:
        """Aggregate the examples (T, S, *input) with class indices (T, S)."""
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask, max_ways=self.num_ways)
        return self._aggregate(self.encode(support_x), support_y, mask)

    def predict(self, state: CNPClassifierState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x)
        return self._decode(state, self.encode(query_x))

    def encode(self, x: Tensor) -> Tensor:
        """The paper's h of each example, (..., D).

        Args:
            x: Inputs (..., *input).
        """
        h: Tensor = self.represent(self.encoder(x))
        return h

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries.

        Support and queries are encoded together, so that they share their batch statistics.
        """
        check_tasks(tasks, self.num_ways)
        r_TSD, z_TQD = tasks.embedded(self.encode)
        state = self._aggregate(r_TSD, tasks.support_y)
        return -self._decode(state, z_TQD).log_prob(tasks.query_y).mean()

    def _aggregate(self, r_TSD: Tensor, support_y: Tensor, mask_TS: Tensor | None = None) -> CNPClassifierState:
        num_ways = self.num_ways or count_ways(support_y)
        if self.with_label is not None:
            labels_TSN = F.one_hot(support_y.long(), num_ways).to(r_TSD.dtype)
            r_TSD = self.with_label(torch.cat([r_TSD, labels_TSN], dim=-1))
            r_T1D, _ = class_means(r_TSD, torch.zeros_like(support_y), 1, mask_TS)  # r = mean of h over the support
            return CNPClassifierState(r_T1D, members(support_y, num_ways, mask_TS).any(dim=1))
        return CNPClassifierState(*class_means(r_TSD, support_y, num_ways, mask_TS))  # r_c = mean of h over the class

    def _decode(self, state: CNPClassifierState, z_TQD: Tensor) -> Categorical:
        num_queries = z_TQD.shape[1]
        if self.num_ways is not None:
            r_TQR = state.representations.flatten(1)[:, None].expand(-1, num_queries, -1)
            logits_TQN = self.decoder(torch.cat([r_TQR, z_TQD], dim=-1))
        else:
            present_TN1 = state.is_present[..., None].to(z_TQD.dtype)
            mean_TD = state.representations.sum(dim=1) / present_TN1.sum(dim=1)
            layers: list[Any] = list(self.decoder)
            first, *others = layers
            # The first layer of each part by itself: their sum is that of all parts side by side, at a fraction of it.
            class_HD, mean_HD, query_HD = first.weight.chunk(3, dim=1)
            read_TNH = F.linear(state.representations, class_HD, first.bias) + F.linear(mean_TD, mean_HD)[:, None]
            hidden_TQNH = read_TNH[:, None] + F.linear(z_TQD, query_HD)[:, :, None]
            logits_TQN = nn.Sequential(*others)(hidden_TQNH).squeeze(-1)
        return categorical(mask_absent(logits_TQN, state.is_present))
