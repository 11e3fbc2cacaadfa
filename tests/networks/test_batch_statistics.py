import pytest
import torch
import torch.nn.functional as F

from quickstudy.networks.batch_statistics import Beside, Recording, among_themselves, standardised

EPSILON = 1e-3


@pytest.fixture
def given(generator) -> torch.Tensor:
    """Seven rows of four channels for each of three tasks, far from standardised; in float64."""
    x = 3 * torch.randn(3, 7, 4, generator=generator, dtype=torch.float64) + 2
    return x.requires_grad_()


def by_pytorch(x):
    return torch.stack([F.batch_norm(each, None, None, training=True, eps=EPSILON) for each in x])


def test_each_task_is_standardised_by_itself(given):
    assert torch.allclose(standardised(given, EPSILON), by_pytorch(given), atol=1e-12)


def test_rows_that_are_all_equal_become_zeros_and_so_does_one_row(given):
    equal = given[:, :1].expand(-1, 7, -1)
    assert torch.allclose(standardised(equal, EPSILON), torch.zeros_like(equal), atol=1e-9)
    assert torch.equal(standardised(given[:, :1], EPSILON), torch.zeros_like(given[:, :1]))


@pytest.mark.parametrize("epsilon", [EPSILON, 2.0])  # With a large one, y has no variance of one.
def test_first_and_second_derivatives_are_those_of_finite_differences(given, epsilon):
    x = given[:2].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: standardised(x, epsilon), (x,))
    assert torch.autograd.gradgradcheck(lambda x: standardised(x, epsilon), (x,))


def test_second_derivatives_are_pytorchs_own(given):
    def second(normalise) -> torch.Tensor:
        (first,) = torch.autograd.grad(normalise(given).pow(3).sum(), given, create_graph=True)
        return torch.autograd.grad(first.pow(2).sum(), given)[0]

    expected = second(by_pytorch)
    torch.testing.assert_close(second(lambda x: standardised(x, EPSILON)), expected, rtol=1e-9, atol=1e-12)


def test_a_third_derivative_is_refused(given):
    (first,) = torch.autograd.grad(standardised(given, EPSILON).pow(3).sum(), given, create_graph=True)
    (second,) = torch.autograd.grad(first.pow(3).sum(), given, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        second.sum().backward()


@pytest.mark.parametrize("positions", [(5, 5), ()])
def test_an_example_beside_others_is_normalised_as_in_a_batch_with_them(generator, positions):
    others = torch.randn(3, 6, *positions, 4, generator=generator, dtype=torch.float64)
    queries = 3 * torch.randn(3, 2, *positions, 4, generator=generator, dtype=torch.float64) + 1
    scale, shift = torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
    recording = Recording()
    assert torch.equal(recording(others, scale, shift), among_themselves(others, scale, shift))
    assert recording.moments[0].shape == (3, 2, 4)
    count_T = torch.full((3,), 6.0, dtype=torch.float64)
    found = Beside(recording.moments, count_T)(queries, scale, shift)
    for query in range(2):
        together = among_themselves(torch.cat([others, queries[:, [query]]], dim=1), scale, shift)
        assert torch.allclose(found[:, query], together[:, -1], atol=1e-10)
