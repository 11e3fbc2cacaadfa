"""Tasks of unequal length: real examples first, padding nothing, and groups of one size put together again."""

from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core import adapted_by_size, num_real, without_padding
from quickstudy.core.ragged import packed


class State(NamedTuple):
    sums: Tensor
    kept: tuple[Tensor, ...]
    is_real: Tensor


MASK = torch.tensor([[False, True, True], [False, False, True], [True, True, True], [True, False, False]])


def test_packing_moves_real_examples_to_the_front_and_cuts_off_what_nobody_has():
    values = torch.tensor([[1.0, torch.nan, 2.0, 3.0], [torch.nan, torch.nan, torch.nan, 4.0]])[..., None]
    found = packed(values, values[..., 0].isfinite())
    assert found[..., 0].tolist() == [[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]]
    assert packed(values, torch.zeros(2, 4, dtype=torch.bool)).shape == (2, 0, 1)
    assert packed(values[:0], torch.zeros(0, 4, dtype=torch.bool)).shape == (0, 0, 1)


def test_without_a_mask_nothing_is_padding():
    values = torch.rand(2, 3, 4)
    assert without_padding(values, None) is values
    assert num_real(None, 3) == 3


def test_padding_becomes_zero_whatever_it_was():
    values = torch.full((4, 3, 2), torch.nan).masked_fill(MASK[..., None], 5.0)
    assert without_padding(values, MASK).sum(dim=(1, 2)).tolist() == [20.0, 10.0, 30.0, 10.0]
    assert num_real(MASK, 3).tolist() == [2, 1, 3, 1]


def test_tasks_are_adapted_once_for_each_size_and_come_back_in_order():
    values, sizes = packed(torch.arange(12.0).view(4, 3), MASK), []

    def adapt(task_B: Tensor, size: int) -> State:
        sizes.append((task_B.tolist(), size))
        own = values[task_B, :size]
        return State(own.sum(dim=1), (own, own[..., None].repeat(1, 1, 2)), own > -1)

    state = adapted_by_size(adapt, packed(MASK, MASK))
    assert sizes == [([1, 3], 1), ([0], 2), ([2], 3)]
    assert isinstance(state, State)
    assert state.sums.tolist() == [3.0, 5.0, 21.0, 9.0]
    assert state.kept[0].tolist() == [[0.0, 1.0, 2.0], [0.0, 0.0, 5.0], [6.0, 7.0, 8.0], [0.0, 0.0, 9.0]]
    assert torch.equal(state.kept[1], state.kept[0][..., None].repeat(1, 1, 2))
    assert state.is_real.tolist() == [[False, True, True], [False, False, True], [True] * 3, [False, False, True]]
