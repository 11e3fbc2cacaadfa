"""Generated kernels: their numbers, their tiles, and what layers share."""

import pytest
import torch

from quickstudy.networks.kernel_generation import GeneratedKernel, KernelGenerator


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_papers_small_network_generates_12544_weights_from_4240():
    generator = KernelGenerator(4, 16, 16, 7)
    kernel = GeneratedKernel(generator, 16, 16)
    assert kernel().numel() == 12_544
    # N_z·layers + d·(N_z + 1)·N_in + f·N_out·f·(d + 1)
    assert count(generator) + count(kernel) == 4 + 4 * 5 * 16 + 7 * 16 * 7 * 5 == 4_244
    assert count(generator) == 4_240


def test_a_kernel_is_that_of_the_equation_one_input_channel_after_another():
    torch.manual_seed(0)
    generator = KernelGenerator(3, 2, 4, 5, hidden=6).double()
    z = torch.randn(3, dtype=torch.float64)
    kernel = generator(z)
    assert kernel.shape == (4, 2, 5, 5)
    for channel in range(2):
        rows = slice(6 * channel, 6 * channel + 6)
        a = generator.first.weight[rows] @ z + generator.first.bias[rows]
        expected = (generator.second.weight @ a + generator.second.bias).view(4, 5, 5)
        assert torch.allclose(kernel[:, channel], expected, atol=1e-12)


def test_layers_with_equal_embeddings_have_equal_kernels():
    generator = KernelGenerator(3, 2, 4, 3)
    one, other = GeneratedKernel(generator, 2, 4), GeneratedKernel(generator, 2, 4)
    assert not torch.equal(one(), other())
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(), other())


def test_a_wider_kernel_is_put_together_of_tiles_in_their_places():
    generator = KernelGenerator(3, 16, 16, 3)
    kernel = GeneratedKernel(generator, 32, 64)
    assert kernel.embeddings.shape == (4, 2, 3)
    whole = kernel()
    assert whole.shape == (64, 32, 3, 3)
    for row in range(4):
        for column in range(2):
            tile = whole[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            assert torch.allclose(tile, generator(kernel.embeddings[row, column]), atol=1e-6)


def test_a_gradient_reaches_embeddings_and_generator():
    generator = KernelGenerator(3, 2, 4, 3)
    kernel = GeneratedKernel(generator, 2, 4)
    torch.nn.functional.conv2d(torch.rand(1, 2, 8, 8), kernel()).square().sum().backward()
    for parameter in (*kernel.parameters(), *generator.parameters()):
        assert parameter.grad.abs().sum() > 0


def test_the_generator_is_no_part_of_a_layer():
    kernel = GeneratedKernel(KernelGenerator(3, 2, 4, 3), 2, 4)
    assert [name for name, _ in kernel.named_parameters()] == ["embeddings"]


def test_kernels_that_tiles_cannot_make_are_refused():
    with pytest.raises(ValueError, match="Choose multiples"):
        GeneratedKernel(KernelGenerator(3, 16, 16, 3), 24, 16)
