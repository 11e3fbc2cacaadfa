"""SNAIL's attention along a sequence, which remembers keys and values.

Mishra, Rohaninejad, Chen and Abbeel, "A Simple Neural Attentive Meta-Learner" (ICLR 2018), figure 2c.

Letters: T tasks, L and P positions, Q queries, C channels, K size of a key, V size of a value.
"""

import math

import torch
from torch import Tensor, nn

from quickstudy.networks.attention import KeysValues, full_precision, joined, mask_padding
from quickstudy.networks.temporal import CausalBlock

_NEVER = 1e4
"""Subtracted from a logit, this leaves no weight to an item, unless no other item may be read."""


class CausalAttention(CausalBlock):
    """AttentionBlock(K, V) of the paper: each position reads itself and earlier ones; what it reads joins the input.

    One head, no residual, no normalisation.

    Args:
        in_channels: Channels C of the input; the output has C + V.
        key_size: The paper's K.
        value_size: The paper's V.
        queries_start_as_keys: Start queries with the weights of the keys, so that similar items are read from the
            first step on.
        key_gain: Start the weights of the keys orthogonal, times this number. Then keys have the same angles between
            them as their items, if they are not shorter. None starts them at random.
        compared: Number of channels, the first ones, that queries and keys are made of. None takes all.
        reads_itself: Let a position read itself as well as earlier ones, as in the paper. Else it reads itself only if
            there are no earlier ones.
    """

    def __init__(
        self,
        in_channels: int,
        key_size: int,
        value_size: int,
        *,
        queries_start_as_keys: bool = True,
        key_gain: float | None = None,
        compared: int | None = None,
        reads_itself: bool = True,
    ) -> None:
        super().__init__()
        self.own_penalty = 0.0 if reads_itself else _NEVER
        self.compared = in_channels if compared is None else compared
        self.queries = nn.Linear(self.compared, key_size)
        self.keys = nn.Linear(self.compared, key_size)
        self.values = nn.Linear(in_channels, value_size)
        if key_gain is not None:
            nn.init.orthogonal_(self.keys.weight, key_gain)
        if queries_start_as_keys:
            self.queries.load_state_dict(self.keys.state_dict())
        self.out_channels = in_channels + value_size

    def empty(self, num_tasks: int) -> KeysValues:
        """No keys, no values."""
        like = self.keys.weight
        return KeysValues(
            like.new_empty(num_tasks, 0, self.keys.out_features), like.new_empty(num_tasks, 0, self.values.out_features)
        )

    def extend(self, cache: KeysValues, x_TLC: Tensor, crowding: Tensor | None = None) -> tuple[Tensor, KeysValues]:
        """The block at the next L positions, and all keys and values."""
        seen = self.remember(cache, x_TLC)
        weights_TLP = self.weights(seen.keys, x_TLC, seen.is_real, crowding)
        with full_precision(x_TLC):
            read_TLV = weights_TLP @ seen.values.to(weights_TLP.dtype)
        return torch.cat([x_TLC, read_TLV], dim=-1), seen

    def remember(self, cache: KeysValues, x_TLC: Tensor) -> KeysValues:
        """All keys and values: the next L positions read nothing."""
        return joined(cache, KeysValues(self._keys(x_TLC), self.values(x_TLC)))

    def query(self, cache: KeysValues, x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """The block for each of Q items that take the next position in turn: each reads the cache and itself."""
        q_TQK, own_keys_TQK, own_values_TQV = self._scaled_queries(x_TQC), self._keys(x_TQC), self.values(x_TQC)
        with full_precision(x_TQC):
            own_TQ1 = (q_TQK * own_keys_TQK).sum(dim=-1, keepdim=True) - self.own_penalty
            seen_TQL = mask_padding(q_TQK @ cache.keys.to(q_TQK.dtype).transpose(1, 2), cache.is_real)
            if crowding is not None:
                seen_TQL = seen_TQL - crowding.log()[:, None]
            weights_TQL = torch.cat([seen_TQL, own_TQ1], dim=-1).softmax(dim=-1)
            read_TQV = weights_TQL[..., :-1] @ cache.values.to(q_TQK.dtype) + weights_TQL[..., -1:] * own_values_TQV
        return torch.cat([x_TQC, read_TQV], dim=-1)

    def weights(
        self, keys: Tensor, x_TLC: Tensor, is_real: tuple[Tensor, ...] = (), crowding: Tensor | None = None
    ) -> Tensor:
        """How much each of the last L positions reads of every position, (T, L, P).

        Args:
            keys: Keys of all positions, (T, P, K).
            x_TLC: Inputs of the last L positions.
            is_real: Which of all positions may be read, as in `KeysValues`.
            crowding: How common the kind of each position is, (T, P); see `CausalBlock.query`.
        """
        num_new, num_all = x_TLC.shape[1], keys.shape[1]
        all_LP = torch.ones(num_new, num_all, dtype=torch.bool, device=keys.device)
        is_later_LP = all_LP.triu(num_all - num_new + 1)
        q_TLK = self._scaled_queries(x_TLC)
        with full_precision(x_TLC):
            logits_TLP = mask_padding(q_TLK @ keys.to(q_TLK.dtype).transpose(1, 2), is_real)
            if self.own_penalty:
                is_own_LP = all_LP.triu(num_all - num_new) & ~is_later_LP
                logits_TLP = torch.where(is_own_LP, logits_TLP - self.own_penalty, logits_TLP)
            if crowding is not None:
                last_T1P = logits_TLP[:, -1:] - crowding.log()[:, None]
                logits_TLP = torch.cat([logits_TLP[:, :-1], last_T1P], dim=1)
            return logits_TLP.masked_fill(is_later_LP, -torch.inf).softmax(dim=-1)

    def _keys(self, x_TLC: Tensor) -> Tensor:
        k_TLK: Tensor = self.keys(x_TLC[..., : self.compared])
        return k_TLK

    def _scaled_queries(self, x_TLC: Tensor) -> Tensor:
        q_TLK = self.queries(x_TLC[..., : self.compared])
        return q_TLK.to(torch.promote_types(q_TLK.dtype, torch.float32)) / math.sqrt(self.keys.out_features)
