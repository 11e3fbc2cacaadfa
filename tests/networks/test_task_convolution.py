import pytest
import torch
import torch.nn.functional as F

from quickstudy.networks.task_convolution import as_matrices, for_tasks, halving_convolution, patches


@pytest.fixture
def given(generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Four examples of three tasks with two channels each, and weights for five; in float64."""
    x = torch.randn(3, 4, 6, 6, 2, generator=generator, dtype=torch.float64)
    weights = torch.randn(3, 5, 2, 3, 3, generator=generator, dtype=torch.float64)
    return x.requires_grad_(), weights.requires_grad_()


def with_shared_weights(x, weight):
    return halving_convolution(x, for_tasks(weight, len(x)))


def plain_convolution(x, weights):
    """As PyTorch has it, task by task."""
    maps = [F.conv2d(x.movedim(4, 2)[task], weights[task], stride=2, padding=1) for task in range(len(x))]
    return torch.stack(maps).movedim(2, 4)


@pytest.mark.parametrize("height", [5, 6])
@pytest.mark.parametrize("width", [5, 6])
def test_each_task_is_convolved_with_its_own_weights(given, height, width):
    x, weights = given[0][:, :, :height, :width], given[1]
    assert torch.allclose(halving_convolution(x, weights), plain_convolution(x, weights), atol=1e-12)
    shared = with_shared_weights(x, weights[0])
    assert torch.allclose(shared, plain_convolution(x, weights[:1].expand_as(weights)), atol=1e-12)


@pytest.mark.parametrize(("height", "width"), [(5, 6), (6, 5)])
def test_first_and_second_derivatives_are_those_of_finite_differences(given, height, width):
    x = given[0][:2, :2, :height, :width].detach().requires_grad_()
    weights = given[1][:2, :2].detach().requires_grad_()
    for convolve, own in (halving_convolution, weights), (with_shared_weights, weights[0].detach().requires_grad_()):
        assert torch.autograd.gradcheck(convolve, (x, own), fast_mode=True)
        assert torch.autograd.gradgradcheck(convolve, (x, own), fast_mode=True)


def test_derivatives_of_third_order_are_pytorchs_own(given):
    x, weights = given

    def third(convolve) -> torch.Tensor:
        y = convolve(x, weights).square().sum()
        (first,) = torch.autograd.grad(y, weights, create_graph=True)
        (second,) = torch.autograd.grad(first.pow(3).sum(), x, create_graph=True)
        return torch.autograd.grad(second.square().sum(), weights)[0]

    torch.testing.assert_close(third(halving_convolution), third(plain_convolution), rtol=1e-9, atol=0)


def test_tasks_with_the_same_weights_have_gradients_of_their_own_all_the_same(given):
    x, weights = given
    one = for_tasks(weights[0].detach(), 3).requires_grad_()
    copies = one.detach().contiguous().requires_grad_()

    def derivatives(own) -> tuple[torch.Tensor, ...]:
        y = halving_convolution(x, own).pow(3).sum()
        first = torch.autograd.grad(y, (x, own), create_graph=True)
        return *first, *torch.autograd.grad(sum(each.pow(2).sum() for each in first), (x, own))

    assert one.stride(0) == 0 != copies.stride(0)
    for found, expected in zip(derivatives(one), derivatives(copies), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(derivatives(one)[1][0], derivatives(one)[1][1])


def test_only_what_is_asked_for_is_differentiated(given):
    x, weights = given
    (gradient,) = torch.autograd.grad(halving_convolution(x.detach(), weights).sum(), weights)
    assert gradient.shape == weights.shape
    (gradient,) = torch.autograd.grad(halving_convolution(x, weights.detach()).sum(), x)
    assert gradient.shape == x.shape


def test_an_output_reads_a_patch_of_the_images(given):
    x = given[0].detach()[..., :5, :]
    columns = F.unfold(x.movedim(4, 2).flatten(0, 1), 3, padding=1, stride=2)  # Channels lead in its patches.
    expected = columns.view(3, 4, 2, 9, -1).permute(0, 1, 4, 3, 2)
    assert torch.equal(patches(x), expected.reshape(3, -1, 18))


def test_weights_for_tasks_are_multiplied_as_they_lie_and_so_are_those_a_step_away(given):
    x, weight = given[0], given[1][0].detach().requires_grad_()
    same = for_tasks(weight, 3)
    assert torch.equal(same, weight.expand(3, -1, -1, -1, -1))
    (gradient,) = torch.autograd.grad(halving_convolution(x, same).square().sum(), same)
    for weights in same, same - 0.1 * gradient:
        assert as_matrices(weights).data_ptr() == weights.data_ptr()


def test_it_stays_out_of_mixed_precision(given):
    x, weights = (each.detach().float().requires_grad_() for each in given)
    with torch.autocast("cpu", torch.bfloat16):
        found = halving_convolution(x, weights)
        (gradient,) = torch.autograd.grad(found.square().sum(), weights)
    expected = halving_convolution(x, weights)
    assert torch.equal(found, expected)
    assert torch.equal(gradient, torch.autograd.grad(expected.square().sum(), weights)[0])
