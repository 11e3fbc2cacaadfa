"""Networks that remember: rows found by content, and an LSTM's step.

The memory is that of Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016),
section 3.2: what is new goes to the rows that were used least recently.

Letters: T tasks, H units, M slots, W width of a slot, R read heads.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.core.tracing import is_traced
from quickstudy.networks.attention import full_precision

Time = Literal["before", "after"]
"""Of the writing of a step."""
Erase = Literal["none", "first", "every"]
"""Least-used slots that are wiped: none, that of head 0, those of every head."""

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
    """A memory without writing, in the precision and on the device of `like`; all heads read slot 0.

    Args:
        like: Tensor that gives precision and device.
        num_tasks: Tasks T.
        slots: Rows M.
        width: Numbers W of a row.
        heads: Heads R.
    """
    first_M = F.one_hot(torch.zeros((), dtype=torch.long, device=like.device), slots).to(like.dtype)
    return MemoryState(
        memory=like.new_full((num_tasks, slots, width), _NEARLY_ZERO),
        read_weights=first_M.repeat(num_tasks, heads, 1),
        usage=first_M.repeat(num_tasks, 1),
    )


def least_used(usage_TM: Tensor, count: int) -> Tensor:
    """The least-used slots of each task, (T, count), the least used first. Of equal ones the lower index is first.

    Args:
        usage_TM: How much each slot was used.
        count: Number of slots.
    """
    if count == 1:
        return usage_TM.argmin(dim=1, keepdim=True)  # Far cheaper than a sort, and of equals the first as well.
    if is_traced():  # ONNX has no stable sort.
        found = []
        for _ in range(count):
            found.append(usage_TM.argmin(dim=1, keepdim=True))
            usage_TM = usage_TM.scatter(1, found[-1], torch.inf)
        return torch.cat(found, dim=1)
    return usage_TM.argsort(dim=1, stable=True)[:, :count]


def content_weights(
    memory_TMW: Tensor, keys_TRW: Tensor, sharpness_TR: Tensor | None = None, copies: int = 1
) -> Tensor:
    """How much each key reads of each slot, (T, R, M): a softmax over cosines times the sharpness.

    Args:
        memory_TMW: The memory.
        keys_TRW: Key of each head.
        sharpness_TR: Factor of the cosines of each head; None is one.
        copies: Number of equal slots that the last row stands for. Each of them gets the weight that is given for the
            row.
    """
    dots_TRM = keys_TRW @ memory_TMW.transpose(1, 2)
    lengths_TRM = keys_TRW.norm(dim=-1)[:, :, None] * memory_TMW.norm(dim=-1)[:, None]
    cosines_TRM = dots_TRM / lengths_TRM.clamp(min=1e-12)  # K
    if sharpness_TR is not None:
        cosines_TRM = cosines_TRM * sharpness_TR[..., None]
    if copies == 1:
        return cosines_TRM.softmax(dim=-1)
    counts_M = _counts(cosines_TRM, copies)
    return (cosines_TRM + counts_M.log()).softmax(dim=-1) / counts_M


def _counts(like_TRM: Tensor, copies: int) -> Tensor:
    """How many slots each row stands for, (M,)."""
    is_last_M = torch.arange(like_TRM.shape[-1], device=like_TRM.device) == like_TRM.shape[-1] - 1
    return torch.where(is_last_M, float(copies), 1.0).to(like_TRM.dtype)


def write_weights(read_TRM: Tensor, least_TR: Tensor, gates_TR: Tensor, *, are_shared: bool = False) -> Tensor:
    """Where each head writes, (T, R, M): where it last read (gate → ∞), or to least-used slots (gate → −∞).

    Args:
        read_TRM: Where each head last read.
        least_TR: Least-used slots. Head j writes to the j-th. If they `are_shared`, (T, any number).
        gates_TR: Gate of each head, before the sigmoid.
        are_shared: Let every head write to all of the least-used slots.
    """
    fresh_TRM = F.one_hot(least_TR, read_TRM.shape[2]).to(read_TRM.dtype)  # w^lu
    if are_shared:
        fresh_TRM = fresh_TRM.sum(dim=1, keepdim=True)
    return torch.lerp(fresh_TRM.expand_as(read_TRM), read_TRM, gates_TR.sigmoid()[..., None].to(read_TRM.dtype))  # w^w


class AccessOptions(NamedTuple):
    """What the paper leaves open in a step of the memory."""

    addresses: Time = "before"
    """Which memory the keys are compared with: that before this step's writing, M_{t−1}, or after it, M_t."""
    reads: Time = "after"
    """Which memory the content is read from."""
    erase: Erase = "first"
    """Which least-used slots are wiped before the writing: none, the least used, or all that may be written to."""
    least_used: int | None = None
    """How many least-used slots all heads write to; where it is None, head j writes to the j-th alone."""
    decay: float = 0.99
    """Share of the usage that is left after a step."""


_AS_THE_PORTS = AccessOptions()


def access(
    state: MemoryState,
    keys_TRW: Tensor,
    gates_TR: Tensor,
    sharpness_TR: Tensor | None = None,
    options: AccessOptions = _AS_THE_PORTS,
    *,
    copies: int = 1,
) -> tuple[MemoryState, Tensor]:
    """One step: write the key of each head, and read with it. Returns the new state, and what was read (T, R, W).

    Compared with the memory before the writing, as in all public ports, a key finds what earlier steps stored. Compared
    with the memory after it, a key first finds the row that it was just written to. In mixed precision all of this uses
    the precision of the memory, whose rows are written to many times.

    Args:
        state: Memory, read weights and usage before the step.
        keys_TRW: Key of each head.
        gates_TR: Gate α of each head, before the sigmoid.
        sharpness_TR: Key strength of each head; None is one.
        options: Order of addressing, writing and reading.
        copies: Number of equal rows that the last slot stands for. They are never written to and never the least used.
    """
    keys_TRW, gates_TR = keys_TRW.to(state.memory.dtype), gates_TR.to(state.memory.dtype)
    with full_precision(keys_TRW):
        usage_TM = state.usage if copies == 1 else state.usage[:, :-1]
        least_TR = least_used(usage_TM, options.least_used or keys_TRW.shape[1])
        written_TRM = write_weights(state.read_weights, least_TR, gates_TR, are_shared=options.least_used is not None)
        memory_TMW = torch.baddbmm(_erased(state, least_TR, options.erase), written_TRM.mT, keys_TRW)  # M + Σ w^w k
        memories = {"before": state.memory, "after": memory_TMW}
        read_TRM = content_weights(memories[options.addresses], keys_TRW, sharpness_TR, copies)  # w^r
        # Usage only ever ranks the slots, and a rank has no gradient.
        usage_TM = options.decay * state.usage + (read_TRM + written_TRM).detach().sum(dim=1)  # w^u
        of_all_TRM = read_TRM if copies == 1 else read_TRM * _counts(read_TRM, copies)
        return MemoryState(memory_TMW, read_TRM, usage_TM), of_all_TRM @ memories[options.reads]  # r


def _erased(state: MemoryState, least_TR: Tensor, erase: Erase) -> Tensor:
    """The memory without what was in its least-used slots."""
    if erase == "none":
        return state.memory
    wiped_TR = least_TR[:, :1] if erase == "first" else least_TR
    return state.memory * torch.ones_like(state.usage).scatter(1, wiped_TR, 0.0)[..., None]


class LSTMState(NamedTuple):
    """What an LSTM carries from step to step."""

    hidden: Tensor
    """(T, H), h."""
    cell: Tensor
    """(T, H), c."""


def lstm_inputs(num_inputs: int, hidden: int) -> nn.Linear:
    """W_xh and b of an LSTM whose forget gates start open. Closed ones lose an input before it can be learned from.

    Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network Architectures" (2015).

    Args:
        num_inputs: Numbers of an input.
        hidden: Units H.
    """
    layer = nn.Linear(num_inputs, 4 * hidden)
    with torch.no_grad():
        layer.bias[:hidden] = 1.0
    return layer


def lstm_step(drive_TG: Tensor, cell_TH: Tensor) -> LSTMState:
    """One step of the standard LSTM.

    Args:
        drive_TG: Inputs of the gates, (T, 4 H) in the order f, i, o, u.
        cell_TH: The cell before the step.
    """
    f, i, o, u = drive_TG.chunk(4, dim=-1)
    cell_TH = f.sigmoid() * cell_TH + i.sigmoid() * u.tanh()
    return LSTMState(o.sigmoid() * cell_TH.tanh(), cell_TH)
