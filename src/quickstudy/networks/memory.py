"""Networks that remember: rows found by content, and an LSTM's step.

The memory is that of Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016),
section 3.2: what is new goes to the rows that were used least recently.

Letters: T tasks, H units, M slots, W width of a slot, R read heads.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.networks.attention import full_precision

_NEARLY_ZERO = 1e-6  # An unwritten row; were it zero, its cosine would be 0 / 0.


class MemoryState(NamedTuple):
    """A memory, and what has lately been done to it."""

    memory: Tensor
    """(T, M, W), the paper's M."""
    read_weights: Tensor
    """(T, R, M), w^r of the last step: where each head looked."""
    usage: Tensor
    """(T, M), w^u: how much each slot was read and written, the past fading."""


def empty_memory(like: Tensor, num_tasks: int, slots: int, width: int, heads: int) -> MemoryState:
    """A memory nothing was written to, in the precision and on the device of `like`; all heads look at slot 0."""
    first_M = F.one_hot(torch.zeros((), dtype=torch.long, device=like.device), slots).to(like.dtype)
    return MemoryState(
        memory=like.new_full((num_tasks, slots, width), _NEARLY_ZERO),
        read_weights=first_M.repeat(num_tasks, heads, 1),
        usage=first_M.repeat(num_tasks, 1),
    )


def least_used(usage_TM: Tensor, count: int) -> Tensor:
    """Exactly `count` slots of each task, the least used first, (T, count); of equals, the lower index first."""
    return usage_TM.argsort(dim=1, stable=True)[:, :count]


def content_weights(memory_TMW: Tensor, keys_TRW: Tensor, sharpness_TR: Tensor | None = None) -> Tensor:
    """Where each key finds its like, (T, R, M): a softmax over cosines, times the sharpness."""
    dots_TRM = keys_TRW @ memory_TMW.transpose(1, 2)
    lengths_TRM = keys_TRW.norm(dim=-1)[:, :, None] * memory_TMW.norm(dim=-1)[:, None]
    cosines_TRM = dots_TRM / lengths_TRM.clamp(min=1e-12)  # K
    if sharpness_TR is not None:
        cosines_TRM = cosines_TRM * sharpness_TR[..., None]
    return cosines_TRM.softmax(dim=-1)


def write_weights(read_TRM: Tensor, least_TR: Tensor, gates_TR: Tensor) -> Tensor:
    """Where each head writes, (T, R, M): where it last read (gate → ∞), or its own least-used slot (gate → −∞)."""
    fresh_TRM = F.one_hot(least_TR, read_TRM.shape[2]).to(read_TRM.dtype)  # w^lu, head j the j-th
    return torch.lerp(fresh_TRM, read_TRM, gates_TR.sigmoid()[..., None].to(read_TRM.dtype))  # w^w


def access(
    state: MemoryState, keys_TRW: Tensor, gates_TR: Tensor, sharpness_TR: Tensor | None = None, *, decay: float = 0.99
) -> tuple[MemoryState, Tensor]:
    """One step: write every head's key, then read with it; the new state, and what was read (T, R, W).

    `decay` is the share of the usage that is left after a step. In mixed precision all of it is computed in that of the
    memory, whose rows are written to many times.
    """
    keys_TRW, gates_TR = keys_TRW.to(state.memory.dtype), gates_TR.to(state.memory.dtype)
    with full_precision(keys_TRW):
        least_TR = least_used(state.usage, keys_TRW.shape[1])
        written_TRM = write_weights(state.read_weights, least_TR, gates_TR)
        is_kept_TM1 = torch.ones_like(state.usage).scatter(1, least_TR[:, :1], 0.0)[..., None]
        memory_TMW = torch.baddbmm(state.memory * is_kept_TM1, written_TRM.transpose(1, 2), keys_TRW)  # M + Σ w^w k
        read_TRM = content_weights(memory_TMW, keys_TRW, sharpness_TR)  # w^r
        # Usage only ever ranks the slots, and a rank has no gradient.
        usage_TM = decay * state.usage + (read_TRM + written_TRM).detach().sum(dim=1)  # w^u
        return MemoryState(memory_TMW, read_TRM, usage_TM), read_TRM @ memory_TMW  # r


class LSTMState(NamedTuple):
    """What an LSTM carries from step to step."""

    hidden: Tensor
    """(T, H), h."""
    cell: Tensor
    """(T, H), c."""


def lstm_inputs(num_inputs: int, hidden: int) -> nn.Linear:
    """W_xh and b of an LSTM whose forget gates start open: shut, what was seen is lost before it can be learnt from.

    Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network Architectures" (2015).
    """
    layer = nn.Linear(num_inputs, 4 * hidden)
    with torch.no_grad():
        layer.bias[:hidden] = 1.0
    return layer


def lstm_step(drive_TG: Tensor, cell_TH: Tensor) -> LSTMState:
    """One step of the standard LSTM from what drives its gates, (T, 4 H) in the order f, i, o, u."""
    f, i, o, u = drive_TG.chunk(4, dim=-1)
    cell_TH = f.sigmoid() * cell_TH + i.sigmoid() * u.tanh()
    return LSTMState(o.sigmoid() * cell_TH.tanh(), cell_TH)
