"""Attention that remembers keys and values: a transformer's block for sets. SNAIL's is in `causal_attention.py`.

- TransformerBlock: Vaswani et al., "Attention Is All You Need" (2017), with layer norms first as in Xiong et al., "On
  Layer Normalization in the Transformer Architecture" (2020).
- `read` is one update of a modern Hopfield network: Ramsauer et al., "Hopfield Networks is All You Need" (ICLR 2021).

Letters: T tasks, L positions, Q queries, C channels, K size of a key, V size of a value, H heads.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.core.tracing import is_traced


class KeysValues(NamedTuple):
    """What attention needs of the items that were read."""

    keys: Tensor
    """(T, L, K), or (T, H, L, K) for several heads."""
    values: Tensor
    """(T, L, V), or (T, H, L, V)."""
    is_real: tuple[Tensor, ...] = ()
    """(T, L) booleans: the item may be read. None if all may."""


def full_precision(x: Tensor) -> torch.autocast:
    """Keep what is computed within out of mixed precision.

    Attention needs this: its gradients are small differences of large numbers. In bfloat16, and with a sharp head,
    their rounding errors are larger than any true gradient, and the training diverges.

    Args:
        x: Tensor whose device the computation uses.
    """
    return torch.autocast(x.device.type, enabled=False)


class TransformerBlock(nn.Module):
    """Attention and a two-layer perceptron, each after a layer norm and added to its input; (T, L, C) throughout.

    The items to read are given as keys and values, so they can differ from the items that read.

    Args:
        channels: Channels C of an item.
        num_heads: Heads of the attention.
        hidden: Width between the two layers of the perceptron.
        queries_start_as_keys: Start queries with the weights of the keys, as in `CausalAttention`.
        key_gain: Start the weights of the keys orthogonal, times this number. With one head, keys then have the same
            angles between them as their items. None starts them at random.

    Raises:
        ValueError: if the heads do not divide the channels.
    """

    def __init__(
        self,
        channels: int,
        num_heads: int,
        hidden: int,
        *,
        queries_start_as_keys: bool = False,
        key_gain: float | None = None,
    ) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f"{num_heads} heads do not divide {channels} channels. Choose a multiple.")
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(channels)
        self.queries = nn.Linear(channels, channels)
        self.keys_values = nn.Linear(channels, 2 * channels)
        if key_gain is not None:
            nn.init.orthogonal_(self.keys_values.weight[:channels], key_gain)
        if queries_start_as_keys:
            of_keys = {name: value.chunk(2)[0] for name, value in self.keys_values.state_dict().items()}
            self.queries.load_state_dict(of_keys)
        self.out = nn.Linear(channels, channels)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels)
        )

    def remember(
        self, x_TLC: Tensor, is_real_TL: Tensor | None = None, compared_TLC: Tensor | None = None
    ) -> KeysValues:
        """Keys and values of the items that others will read.

        Args:
            x_TLC: The items.
            is_real_TL: False where an item is padding, which nobody reads; None if all are real.
            compared_TLC: What the keys are made of, if it is not the items themselves.
        """
        keys_TLC, values_TLC = self.keys_values(self.norm(x_TLC)).chunk(2, dim=-1)
        if compared_TLC is not None:
            weight, bias = (value.chunk(2)[0] for value in (self.keys_values.weight, self.keys_values.bias))
            keys_TLC = F.linear(self.norm(compared_TLC), weight, bias)
        return KeysValues(self._by_head(keys_TLC), self._by_head(values_TLC), optional(is_real_TL))

    def forward(
        self,
        x_TLC: Tensor,
        seen: KeysValues,
        may_read: Tensor | None = None,
        compared_TLC: Tensor | None = None,
    ) -> Tensor:
        """The items after each has read what was seen.

        Args:
            x_TLC: Items that read.
            seen: Keys and values of the items that are read.
            may_read: Which item (row) may read which (column), as in `read`; None lets each read all.
            compared_TLC: What the queries are made of, if it is not the items themselves.
        """
        compared_TLC = x_TLC if compared_TLC is None else compared_TLC
        queries_THLK = self._by_head(self.queries(self.norm(compared_TLC)))
        read_THLV = read(queries_THLK, seen.keys, seen.values, readable(seen, may_read))
        x_TLC = x_TLC + self.out(merged_heads(read_THLV))
        return x_TLC + self.perceptron(x_TLC)

    def weights(self, x_TLC: Tensor, seen: KeysValues, may_read_LP: Tensor) -> Tensor:
        """How much each item reads of what was seen, (T, H, L, P).

        Args:
            x_TLC: Items that read.
            seen: Keys and values of the items that are read.
            may_read_LP: Which item (row) may read which (column), booleans.
        """
        queries_THLK = self._by_head(self.queries(self.norm(x_TLC)))
        logits_THLP = queries_THLK @ seen.keys.transpose(-1, -2) / math.sqrt(seen.keys.shape[-1])
        return logits_THLP.masked_fill(~may_read_LP, -torch.inf).softmax(dim=-1)

    def _by_head(self, x_TLC: Tensor) -> Tensor:
        return split_heads(x_TLC, self.num_heads)


def read(queries: Tensor, keys: Tensor, values: Tensor, may_read: Tensor | None = None) -> Tensor:
    """What queries (…, Q, K) find: values (…, L, V) in proportion to softmax(β keys·query), β = 1/√K.

    Where the values are the keys, this is Ramsauer et al.'s update ξ_new = X softmax(β Xᵀ ξ), X the patterns stored.

    Args:
        queries: Queries (…, Q, K).
        keys: Keys (…, L, K).
        values: Values (…, L, V).
        may_read: Which query may read which item, booleans that broadcast to (…, Q, L), or numbers that are added to
            the exponents; None lets each read all.
    """
    if not is_traced():
        return F.scaled_dot_product_attention(queries, keys, values, may_read)
    # The fused operation has no counterpart in ONNX at sizes that are not known.
    logits = queries @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-1])
    if may_read is not None:
        is_mask = may_read.dtype == torch.bool
        logits = logits.masked_fill(~may_read, -torch.inf) if is_mask else logits + may_read
    return logits.softmax(dim=-1) @ values


def readable(seen: KeysValues, may_read_QL: Tensor | None = None) -> Tensor | None:
    """Which items each query may read, (T, 1, 1 or Q, L) or (Q, L); None if each may read all.

    Args:
        seen: Keys and values, some of which may be padding.
        may_read_QL: What the queries may read of the real items, as in `read`; None lets them read all of those.
    """
    if not seen.is_real:
        return may_read_QL
    is_real_T11L = seen.is_real[0][:, None, None]
    if may_read_QL is not None and may_read_QL.dtype != torch.bool:
        return may_read_QL.masked_fill(~is_real_T11L, -torch.inf)
    return is_real_T11L if may_read_QL is None else is_real_T11L & may_read_QL


def optional(value: Tensor | None) -> tuple[Tensor, ...]:
    """A tensor in the form in which a state holds it: an empty tuple if there is none.

    Args:
        value: The tensor, or None.
    """
    return () if value is None else (value,)


def split_heads(x_TLC: Tensor, num_heads: int) -> Tensor:
    """Channels divided among heads: (T, H, L, C / H).

    Args:
        x_TLC: Items with the channels of all heads side by side.
        num_heads: Heads H.
    """
    return x_TLC.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def merged_heads(x_THLC: Tensor) -> Tensor:
    """The channels of all heads side by side, (T, L, C). It undoes `split_heads`.

    Args:
        x_THLC: Items for each head.
    """
    return x_THLC.transpose(1, 2).flatten(2)


def joined(seen: KeysValues, more: KeysValues) -> KeysValues:
    """Keys and values of all items, first those seen and then the further ones.

    Args:
        seen: The first items.
        more: The further items.
    """
    keys, values = (torch.cat(both, dim=-2) for both in zip(seen[:2], more[:2], strict=True))
    if not (seen.is_real or more.is_real):
        return KeysValues(keys, values)
    return KeysValues(keys, values, (torch.cat([which_are_real(seen), which_are_real(more)], dim=1),))


def mask_padding(logits_TLP: Tensor, is_real: tuple[Tensor, ...]) -> Tensor:
    """Rule out the items that are padding.

    Args:
        logits_TLP: How much each position would read of each item, before the softmax.
        is_real: Mask of the items, as in `KeysValues`.
    """
    return logits_TLP.masked_fill(~is_real[0][:, None], -torch.inf) if is_real else logits_TLP


def which_are_real(seen: KeysValues) -> Tensor:
    """Which items are real, (T, L) booleans. All are, if there is no mask.

    Args:
        seen: Keys and values of the items.
    """
    if seen.is_real:
        return seen.is_real[0]
    return torch.ones(len(seen.keys), seen.keys.shape[-2], dtype=torch.bool, device=seen.keys.device)
