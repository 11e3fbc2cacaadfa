import math
from itertools import permutations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from quickstudy.learners.lstm import LSTMCell
from quickstudy.networks.label_kinds import LabelKind, OneHotLabels, StringLabels
from quickstudy.networks.label_sequences import LabelSequences, expected_log_likelihood

FLOAT64 = torch.zeros((), dtype=torch.float64)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dealings(kind: LabelKind, classes: list[int], drawn_letters: int | None = None) -> torch.Tensor:
    """Every way in which classes can be given labels of their own, (ways, L) or (ways, L, length)."""
    letters = 1 if isinstance(kind, OneHotLabels) else drawn_letters or kind.length
    numbers = torch.tensor(list(permutations(range(kind.num_symbols**letters), max(classes) + 1)))[:, classes]
    if isinstance(kind, OneHotLabels):
        return numbers
    return numbers[..., None] // kind.num_symbols ** (torch.arange(kind.length) % letters) % kind.num_symbols


@pytest.mark.parametrize(
    ("kind", "letters"),
    [(OneHotLabels(4), None), (OneHotLabels(3), None), (StringLabels(2, 2), None), (StringLabels(3, 2), 2)],
)
def test_a_first_label_is_held_against_all_it_might_be_with_the_same_loss_and_gradient_over_all_dealings(kind, letters):
    torch.manual_seed(0)
    network = LabelSequences(LSTMCell(6, 8), kind).double()
    labels = dealings(kind, [0, 1, 0, 2, 1], letters)
    logits = network.along(random(1, 5, 6).expand(len(labels), 5, 6), labels)
    plain, expected = kind.prediction(logits).log_prob(labels), expected_log_likelihood(kind, logits, labels)
    assert torch.allclose(plain[:, [2, 4]], expected[:, [2, 4]], atol=1e-12)
    assert not torch.allclose(plain[:, [0, 1]], expected[:, [0, 1]], atol=1e-3)
    assert torch.allclose(plain.mean(dim=0), expected.mean(dim=0), atol=1e-12)
    weights = list(network.parameters())
    of_plain = torch.autograd.grad(plain.sum(), weights, retain_graph=True)
    for one, other in zip(of_plain, torch.autograd.grad(expected.sum(), weights), strict=True):
        assert torch.allclose(one, other, atol=1e-10)


def test_a_first_label_costs_the_same_whichever_it_turns_out_to_be():
    labels, logits = torch.tensor([[0, 1], [0, 2], [0, 3]]), random(1, 2, 4).expand(3, 2, 4)
    found = expected_log_likelihood(OneHotLabels(4), logits, labels)
    assert torch.equal(found[:, 1], found[:1, 1].expand(3))


def test_where_letters_repeat_only_strings_that_can_occur_are_open():
    """Of one letter, the fifth class has the one string left; it is as sure as any that was told before."""
    kind, letter = StringLabels(), torch.arange(5)
    labels = letter[None, :, None].expand(1, 5, 5)
    sure = 100 * F.one_hot(labels[:, -1:], 5).flatten(-2).double().expand(1, 5, 25)
    assert float(expected_log_likelihood(kind, sure, labels)[0, -1]) == pytest.approx(0, abs=1e-9)
    guess = expected_log_likelihood(kind, torch.zeros(1, 5, 25, dtype=torch.float64), labels)
    assert torch.allclose(guess, torch.full((1, 5), 5 * math.log(1 / 5), dtype=torch.float64))


def test_likelihoods_stay_out_of_mixed_precision():
    kind, labels, logits = StringLabels(), torch.arange(40).reshape(2, 4, 5) % 5, random(2, 4, 25).float()
    expected = expected_log_likelihood(kind, logits, labels)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(expected_log_likelihood(kind, logits, labels), expected)


class Counter(nn.Module):
    """A cell that gives back what drives it, and remembers how often."""

    num_drives = num_outputs = 2

    def prior(self, num_tasks, steps=None):
        return torch.zeros(num_tasks, 1)

    def drive(self, features):
        return 100 * features

    def forward(self, drive, carried):
        return drive, carried + 1


def build(slots=3, **options) -> LabelSequences:
    """Features count a hundredfold; label i counts 10^-i in the first number, and 1 in the second, if any."""
    network = LabelSequences(Counter(), OneHotLabels(slots), **options).requires_grad_(False)
    with torch.no_grad():
        network.from_labels.weight.copy_(torch.stack([10.0 ** -torch.arange(slots), torch.ones(slots)]))
    network.output = nn.Linear(2, 2, bias=False)
    nn.init.eye_(network.output.weight)
    return network


def test_each_label_is_read_with_the_next_input():
    network, x, y = build(), torch.arange(8.0).view(1, 4, 2), torch.tensor([[2, 0, 1, 1]])
    driven, state = network.read(network.prior(1), x, y)
    labels = driven - 100 * x
    assert torch.allclose(labels[0], torch.tensor([[0, 0], [0.01, 1], [1, 1], [0.1, 1]]), atol=1e-4)
    assert state.pending.tolist() == [[0, 1, 0]]
    assert torch.allclose(network.ahead(state, torch.zeros(1, 2)), torch.tensor([[0.1, 1]]))
    assert state.carried.item() == 4


def test_or_each_with_its_own_input_and_the_next_with_none():
    network, x, y = build(labels_are_late=False), torch.arange(8.0).view(1, 4, 2), torch.tensor([[2, 0, 1, 1]])
    driven, state = network.read(network.prior(1), x, y)
    labels = driven - 100 * x
    assert torch.allclose(labels[0], torch.tensor([[0.01, 1], [1, 1], [0.1, 1], [0.1, 1]]), atol=1e-4)
    assert not state.pending.any()
    assert torch.equal(network.ahead(state, torch.ones(1, 2)), torch.full((1, 2), 100.0))


def test_along_a_sequence_no_label_is_read_before_its_input_was_asked_about():
    x, y = torch.zeros(1, 3, 2), torch.tensor([[2, 0, 1]])
    assert torch.equal(build(labels_are_late=False).along(x, y), x)
    assert torch.equal(build().along(x, y)[0, :, 1], torch.tensor([0.0, 1.0, 1.0]))


def test_the_labels_read_so_far_are_recorded():
    network = build(4)
    _, state = network.read(network.prior(2), torch.zeros(2, 2, 2), torch.tensor([[2, 2], [0, 3]]))
    _, state = network.read(state, torch.zeros(2, 1, 2), torch.tensor([[1], [3]]))
    assert state.is_seen.tolist() == [[False, True, True, False], [True, False, False, True]]


@pytest.mark.parametrize("labels_are_late", [True, False])
def test_a_sequence_ends_where_its_mask_does(labels_are_late):
    network, x, y = build(labels_are_late=labels_are_late), torch.rand(3, 4, 2), torch.tensor([[2, 0, 1, 1]] * 3)
    before = network.read(network.prior(3), x[:, :1], y[:, :1])[1]
    _, state = network.read(before, x, y, torch.tensor([[True, True, False, False], [True] * 4, [False] * 4]))
    for task, length in enumerate((2, 4)):
        alone = network.read(network.prior(1), x[:1, :1], y[:1, :1])[1]
        _, alone = network.read(alone, x[:1, :length], y[:1, :length])
        for found, expected in zip(state, alone, strict=True):
            assert torch.equal(found[[task]], expected)
    for found, expected in zip(state, before, strict=True):
        assert torch.equal(found[2], expected[2])
