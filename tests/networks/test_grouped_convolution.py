import pytest
import torch
import torch.nn.functional as F

from quickstudy.networks.grouped_convolution import halving_convolution


@pytest.fixture
def given(generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Four examples of three tasks with two channels each, and weights for five; in float64."""
    x = torch.randn(4, 3 * 2, 6, 6, generator=generator, dtype=torch.float64)
    weights = torch.randn(3, 5, 2, 3, 3, generator=generator, dtype=torch.float64)
    return x.requires_grad_(), weights.requires_grad_()


def test_each_task_is_convolved_with_its_own_weights(given):
    x, weights = given
    y = halving_convolution(x, weights)
    for task in range(3):
        expected = F.conv2d(x[:, 2 * task : 2 * task + 2], weights[task], stride=2, padding=1)
        assert torch.allclose(y[:, 5 * task : 5 * task + 5], expected, atol=1e-12)


@pytest.mark.parametrize("side", [5, 6])
def test_first_and_second_derivatives_are_those_of_finite_differences(given, side):
    x, weights = given
    x, weights = x[:2, :4, :side, :side].detach().requires_grad_(), weights[:2, :2].detach().requires_grad_()
    assert torch.autograd.gradcheck(halving_convolution, (x, weights))
    assert torch.autograd.gradgradcheck(halving_convolution, (x, weights))


def test_derivatives_of_third_order_are_pytorchs_own(given):
    x, weights = given

    def third(convolve) -> torch.Tensor:
        y = convolve(x, weights).square().sum()
        (first,) = torch.autograd.grad(y, weights, create_graph=True)
        (second,) = torch.autograd.grad(first.pow(3).sum(), x, create_graph=True)
        return torch.autograd.grad(second.square().sum(), weights)[0]

    expected = third(lambda x, weights: F.conv2d(x, weights.flatten(0, 1), stride=2, padding=1, groups=3))
    torch.testing.assert_close(third(halving_convolution), expected, rtol=1e-9, atol=0)


def test_only_what_is_asked_for_is_differentiated(given):
    x, weights = given
    (gradient,) = torch.autograd.grad(halving_convolution(x.detach(), weights).sum(), weights)
    assert gradient.shape == weights.shape
    (gradient,) = torch.autograd.grad(halving_convolution(x, weights.detach()).sum(), x)
    assert gradient.shape == x.shape
