from typing import NamedTuple

import pytest
import torch

from quickstudy.core import leaves, map_state, move_state, select_tasks


class Inner(NamedTuple):
    keys: torch.Tensor
    count: torch.Tensor


class Outer(NamedTuple):
    mean: torch.Tensor
    layers: tuple
    inner: Inner


@pytest.fixture
def state() -> Outer:
    return Outer(
        torch.arange(12.0).view(4, 3),
        (torch.arange(4.0), torch.arange(8).view(4, 2)),
        Inner(torch.rand(4, 2, 2), torch.tensor([True, False, True, False])),
    )


def test_mapping_keeps_the_structure(state):
    doubled = map_state(lambda leaf: leaf * 2, state)
    assert isinstance(doubled, Outer)
    assert isinstance(doubled.inner, Inner)
    assert type(doubled.layers) is tuple
    assert torch.equal(doubled.inner.keys, state.inner.keys * 2)
    assert torch.equal(doubled.layers[1], state.layers[1] * 2)


def test_mapping_leaves_the_original_alone(state):
    before = [leaf.clone() for leaf in leaves(state)]
    map_state(lambda leaf: leaf * 0, state)
    assert all(torch.equal(old, new) for old, new in zip(before, leaves(state), strict=True))


def test_leaves_come_in_the_order_of_the_fields(state):
    found = leaves(state)
    expected = [state.mean, *state.layers, state.inner.keys, state.inner.count]
    assert [id(leaf) for leaf in found] == [id(leaf) for leaf in expected]


def test_a_single_tensor_is_a_state():
    tensor = torch.arange(4.0)
    assert leaves(tensor)[0] is tensor
    assert select_tasks(tensor, slice(1, 3)).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("index", [slice(1, 3), [1, 2], torch.tensor([1, 2])])
def test_selected_tasks_are_those_of_the_index(state, index):
    chosen = select_tasks(state, index)
    for whole, part in zip(leaves(state), leaves(chosen), strict=True):
        assert torch.equal(part, whole[1:3])


def test_tasks_are_selected_in_the_order_asked_and_may_repeat(state):
    assert select_tasks(state, [3, 0, 3]).layers[0].tolist() == [3.0, 0.0, 3.0]


def test_moving_reaches_every_leaf(state):
    moved = move_state(state, "meta")
    assert isinstance(moved, Outer)
    assert {leaf.device.type for leaf in leaves(moved)} == {"meta"}
    assert [leaf.shape for leaf in leaves(moved)] == [leaf.shape for leaf in leaves(state)]


@pytest.mark.parametrize("stranger", [[torch.ones(2)], {"a": torch.ones(2)}, 3, None])
def test_what_is_no_tensor_is_refused_by_its_type(state, stranger):
    with pytest.raises(TypeError, match=f"holds {type(stranger).__name__}"):
        leaves(state._replace(mean=stranger))
