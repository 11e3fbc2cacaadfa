"""A stack of fast weights reads labels as a recurrent network does, but a whole sequence at a time."""

import pytest
import torch
from torch import nn

from quickstudy.networks.delta_rule import DeltaRuleLayer
from quickstudy.networks.fast_stack import FastWeightBlock, FastWeightSequences, FastWeightStack
from quickstudy.networks.label_sequences import OneHotLabels
from quickstudy.networks.self_reference import SelfReferentialLayer


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def build(labels_are_late=False):
    torch.manual_seed(0)
    layers = [DeltaRuleLayer(8, 2), SelfReferentialLayer(8, 2)]
    stack = FastWeightStack(5, 8, layers, hidden=16)
    return FastWeightSequences(stack, OneHotLabels(3), labels_are_late=labels_are_late).double().eval()


LABELS = torch.tensor([[0, 1, 2, 0], [2, 2, 1, 0]])


def test_a_layer_norm_lies_on_the_path_around_a_layer_and_a_perceptron_follows():
    block = FastWeightBlock(DeltaRuleLayer(8, 2), 8, 16).double()
    x = random(2, 3, 8)
    read, _ = block.layer.read(x, block.layer.prior(2))
    inner = nn.functional.layer_norm(x, (8,)) + read
    found, _ = block.read(x, block.layer.prior(2))
    assert torch.allclose(found, inner + block.perceptron(inner), atol=1e-12)


def test_dropout_leaves_out_outputs_in_training_only():
    block = FastWeightBlock(DeltaRuleLayer(8, 2), 8, 16, dropout=0.5).double()
    x = random(2, 3, 8)
    torch.manual_seed(0)
    trained = block.train().read(x, block.layer.prior(2))[0]
    torch.manual_seed(1)
    again = block.read(x, block.layer.prior(2))[0]
    assert not torch.allclose(trained, again)
    block.eval()
    assert torch.equal(block.read(x, block.layer.prior(2))[0], block.read(x, block.layer.prior(2))[0])


@pytest.mark.parametrize("labels_are_late", [False, True])
def test_a_whole_sequence_gives_what_its_items_give_one_by_one(labels_are_late):
    network, x = build(labels_are_late), random(2, 4, 5)
    whole, after = network.read(network.prior(2), x, LABELS)
    state, read = network.prior(2), []
    for step in range(4):
        logits, state = network.read(state, x[:, step : step + 1], LABELS[:, step : step + 1])
        read.append(logits)
    assert torch.allclose(torch.cat(read, dim=1), whole, atol=1e-10)
    for one, other in zip(state.carried, after.carried, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
    assert torch.equal(state.pending, after.pending)


@pytest.mark.parametrize("labels_are_late", [False, True])
def test_branches_are_each_the_next_input_of_the_sequence(labels_are_late):
    network, x, queries = build(labels_are_late), random(2, 4, 5), random(2, 6, 5, seed=1)
    _, state = network.read(network.prior(2), x, LABELS)
    found = network.branches(state, queries)
    for index in range(6):
        assert torch.allclose(network.ahead(state, queries[:, index]), found[:, index], atol=1e-12)
    read = state.pending[:, None]
    alone, _ = network._steps(state.carried, queries[:, :1], read)
    assert torch.allclose(found[:, :1], alone, atol=1e-10)


def test_a_branch_knows_the_label_that_is_pending():
    network, x = build(labels_are_late=True), random(2, 4, 5)
    _, one = network.read(network.prior(2), x, LABELS)
    other_labels = LABELS.clone()
    other_labels[:, -1] = (LABELS[:, -1] + 1) % 3
    _, other = network.read(network.prior(2), x, other_labels)
    assert not torch.allclose(network.branches(one, x), network.branches(other, x))


def test_inputs_are_normalised_if_so_wished():
    x = 3 + 5 * random(2, 4, 5)
    plain, normalised = (
        FastWeightStack(5, 8, [], hidden=16, normalises=normalises).double() for normalises in (False, True)
    )
    normalised.load_state_dict(plain.state_dict())
    expected = plain.drive((x - x.mean(dim=-1, keepdim=True)) / x.std(dim=-1, keepdim=True, correction=0))
    assert torch.allclose(normalised.drive(x), expected, atol=1e-5)
