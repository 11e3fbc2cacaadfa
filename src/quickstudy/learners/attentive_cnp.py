"""Attentive Conditional Neural Process: every query reads the points that matter to it.

Kim et al., "Attentive Neural Processes" (ICLR 2019), the deterministic path: section 3 and figure 2.
Our support is their context, our queries are their targets.

What differs: no latent path (see `neural_process.py` for one); and beside the support every query reads a point of
nothing, learnt, so that an empty support has an answer.

Letters: T tasks, S support points, Q queries, D numbers of an input, Y of a value, C channels.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from quickstudy.core import Learner, read_query, read_values, without_padding
from quickstudy.networks.attention import (
    KeysValues,
    TransformerBlock,
    merged_heads,
    optional,
    read,
    readable,
    split_heads,
)
from quickstudy.networks.data_units import DataUnits
from quickstudy.networks.value_head import Likelihood, ValueHead, perceptron


class AttentiveCNPState(NamedTuple):
    """The support as queries read it."""

    seen: KeysValues
    """(T, heads, 1 + S, C / heads): where the points are, and what they are; first the point of nothing."""


class AttentiveCNP(Learner):
    """Encodes the points, lets them attend to each other, and gives each query its own weighted mean of them.

    Keys come from the places alone, and attention values from places and values. The cost is that of support times
    queries.

    Args:
        num_inputs: Numbers of a place.
        num_outputs: Numbers of a value.
        channels: Width of all layers.
        num_heads: Heads of each attention.
        self_attention: Blocks in which the points read each other.
        likelihood: Distribution of a value: normal, or the probability of ink.
        floor: Smallest standard deviation of a normal prediction; see `ValueHead`.
        has_units: Keep units of a data set with the weights; `units.measure` sets them. For normal predictions.
    """

    def __init__(
        self,
        num_inputs: int = 1,
        num_outputs: int = 1,
        *,
        channels: int = 128,
        num_heads: int = 8,
        self_attention: int = 2,
        likelihood: Likelihood = "normal",
        floor: float = 0.1,
        has_units: bool = False,
    ) -> None:
        super().__init__()
        self.sizes, self.num_heads = (num_inputs, num_outputs), num_heads
        self.units = DataUnits(num_inputs, num_outputs) if has_units else None
        self.head = ValueHead(num_outputs, likelihood, floor)
        self.encoder = perceptron(num_inputs + num_outputs, channels, channels, channels)
        self.blocks = nn.ModuleList(TransformerBlock(channels, num_heads, 2 * channels) for _ in range(self_attention))
        self.place = perceptron(num_inputs, channels, channels, channels)  # Of both keys and queries.
        self.nothing = nn.Parameter(0.1 * torch.randn(2, channels))  # Key and value.
        self.mix = nn.Linear(channels, channels)
        self.decoder = perceptron(channels + num_inputs, channels, channels, channels, self.head.num_inputs)

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> AttentiveCNPState:
        """Keys and values of the points (T, S, D) with values (T, S, Y)."""
        precision = None if self.units is None else torch.float64
        support_x, support_y, mask = read_values(
            self, support_x, support_y, support_mask, sizes=self.sizes, precision=precision
        )
        if self.units is not None:
            support_x, support_y = (
                self.units.places(support_x, like=self.nothing),
                self.units.values(support_y, like=self.nothing),
            )
        r_TSC = self.encoder(torch.cat([support_x, support_y], dim=-1))
        for block in self._blocks if support_x.shape[1] else []:
            r_TSC = without_padding(block(r_TSC, block.remember(r_TSC, mask)), mask)
        nothing_T1C = self.nothing[:, None, None].expand(-1, len(support_x), 1, -1)
        keys_TPC = torch.cat([nothing_T1C[0], self.place(support_x)], dim=1)
        values_TPC = torch.cat([nothing_T1C[1], r_TSC], dim=1)
        keys, values = (split_heads(each, self.num_heads) for each in (keys_TPC, values_TPC))
        is_real_TP = None if mask is None else F.pad(mask, (1, 0), value=True)
        return AttentiveCNPState(KeysValues(keys, values, optional(is_real_TP)))

    def predict(self, state: AttentiveCNPState, query_x: Tensor) -> Distribution:
        """Values at the queries (T, Q, D)."""
        precision = None if self.units is None else torch.float64
        query_x = read_query(self, state, query_x, self.sizes[:1], precision)
        if self.units is not None:
            query_x = self.units.places(query_x, like=self.nothing)
        queries_THQC = split_heads(self.place(query_x), self.num_heads)
        read_THQC = read(queries_THQC, state.seen.keys, state.seen.values, readable(state.seen))
        r_TQC = self.mix(merged_heads(read_THQC))
        prediction: Distribution = self.head(self.decoder(torch.cat([r_TQC, query_x], dim=-1)))
        return prediction if self.units is None else self.units.of_user(prediction)

    @property
    def _blocks(self) -> list[TransformerBlock]:
        return list(self.blocks)  # type: ignore[arg-type]
