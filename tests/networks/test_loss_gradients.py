import torch
import torch.nn.functional as F

from quickstudy.networks.loss_gradients import contrast, cross_entropy_gradient, partners


def pair_loss(one, other, is_same):
    distance = (one - other).norm()
    return distance**2 if is_same else (1 - distance).clamp(min=0) ** 2


def test_pairs_are_by_turns_of_a_class_and_of_two():
    labels = torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 2, 3]])
    assert partners(labels, 4).tolist() == [[3, 3, 1, 1], [1, 2, 3, 0], [1, 2, 3, 0]]


def test_the_gradient_of_a_pair_is_that_of_the_contrastive_loss(generator):
    one = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64).mul(0.5).requires_grad_()
    other = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64).mul(0.5)
    is_same = torch.tensor([[True, False] * 3, [False, True] * 3])
    losses = [
        pair_loss(one[task, index], other[task, index], is_same[task, index]) for task in range(2) for index in range(6)
    ]
    (expected,) = torch.autograd.grad(sum(losses), one)
    assert torch.allclose(contrast(one - other, is_same), expected, atol=1e-12)
    assert contrast(torch.zeros(1, 2, 4), torch.tensor([[True, False]])).eq(0).all()


def test_the_gradient_of_a_cross_entropy_is_that_of_autograd_over_the_classes_present(generator):
    logits = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64).requires_grad_()
    labels = torch.tensor([[0, 2, 2], [1, 0, 1]])
    is_present = torch.tensor([[True, False, True, False], [True, True, False, False]])
    ruled_out = logits.masked_fill(~is_present[:, None], -torch.inf)
    loss = F.cross_entropy(ruled_out.flatten(0, 1), labels.flatten(), reduction="sum")
    (expected,) = torch.autograd.grad(loss, logits)
    assert torch.allclose(cross_entropy_gradient(logits, labels, is_present), expected, atol=1e-12)
