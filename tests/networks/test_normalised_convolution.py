import copy

import pytest
import torch
from torch import nn

from quickstudy.networks.normalised_convolution import normalised_convolution


def layers(channels: int = 1, stride: int = 1, dtype=torch.float64) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    torch.manual_seed(0)
    convolution = nn.Conv2d(channels, 8, 3, stride=stride, padding=1, bias=False, dtype=dtype)
    norm = nn.BatchNorm2d(8, dtype=dtype)
    nn.init.normal_(norm.weight)  # Also below zero.
    nn.init.normal_(norm.bias)
    return convolution, norm


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_values_gradients_and_running_statistics_are_those_of_the_two_layers(channels, stride):
    convolution, norm = layers(channels, stride)
    own_convolution, own_norm = copy.deepcopy((convolution, norm))
    images = torch.rand(5, channels, 9, 8, dtype=torch.float64, requires_grad=True)
    same_images = images.detach().clone().requires_grad_()
    expected = norm(convolution(images))
    normalised = normalised_convolution(same_images, own_convolution, own_norm)
    torch.testing.assert_close(normalised, expected)

    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    (normalised * weights).sum().backward()
    torch.testing.assert_close(same_images.grad, images.grad)
    for own, theirs in zip((own_convolution, own_norm), (convolution, norm), strict=True):
        for name, parameter in own.named_parameters():
            torch.testing.assert_close(parameter.grad, theirs.get_parameter(name).grad)
    for name, buffer in own_norm.named_buffers():
        torch.testing.assert_close(buffer, norm.get_buffer(name))
    assert own_norm.num_batches_tracked == 1


def test_running_statistics_ask_for_no_gradients():
    convolution, norm = layers()
    normalised_convolution(torch.rand(5, 1, 8, 8, dtype=torch.float64), convolution, norm)
    assert not norm.running_mean.requires_grad
    assert not norm.running_var.requires_grad


def test_statistics_stay_out_of_mixed_precision():
    convolution, norm = layers(dtype=torch.float32)
    exact = copy.deepcopy(norm)
    images = torch.rand(20, 1, 28, 28)
    exact(convolution(images))
    with torch.autocast("cpu", torch.bfloat16):
        normalised = normalised_convolution(images, convolution, norm)
        of_rounded = normalised_convolution(images.bfloat16(), convolution, copy.deepcopy(norm))
    assert normalised.dtype == of_rounded.dtype == torch.bfloat16
    torch.testing.assert_close(norm.running_mean, exact.running_mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(norm.running_var, exact.running_var, rtol=1e-5, atol=1e-6)


def test_images_without_ink_give_the_bias():
    convolution, norm = layers()
    normalised = normalised_convolution(torch.zeros(2, 1, 8, 8, dtype=torch.float64), convolution, norm)
    torch.testing.assert_close(normalised, norm.bias[:, None, None].expand(2, 8, 8, 8))


def test_a_normalisation_without_moving_statistics_is_refused():
    convolution, _ = layers()
    norm = nn.BatchNorm2d(8, track_running_stats=False, dtype=torch.float64)
    with pytest.raises(ValueError, match="keeps no moving statistics"):
        normalised_convolution(torch.zeros(2, 1, 8, 8, dtype=torch.float64), convolution, norm)
