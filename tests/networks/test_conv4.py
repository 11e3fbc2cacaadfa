import copy

import pytest
import torch
from torch import nn

from quickstudy.networks import Conv4
from quickstudy.networks.conv4 import Residual


def small(**options) -> Conv4:
    torch.manual_seed(0)
    return Conv4(channels=8, **options)


def settled(encoder: Conv4) -> Conv4:
    """In eval mode, with running statistics and scales that are not the initial ones."""
    encoder.train()
    for _ in range(3):
        encoder(torch.rand(16, 1, 28, 28))
    return encoder.eval()


def count(encoder: Conv4) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


@pytest.mark.parametrize("downsampling", ["pool", "stride"])
@pytest.mark.parametrize(("size", "blocks"), [(28, 4), (28, 3), (20, 4), (32, 2), (17, 1), (84, 4)])
def test_it_gives_as_many_features_as_it_says(downsampling, size, blocks):
    encoder = small(downsampling=downsampling, blocks=blocks, image_size=size)
    assert encoder(torch.rand(2, 1, size, size)).shape == (2, encoder.num_features)


def test_features_are_those_of_the_papers():
    assert Conv4(downsampling="pool").num_features == 64
    assert Conv4(downsampling="stride").num_features == 64 * 2 * 2


def test_it_has_the_parameters_of_the_paper_without_biases_that_a_normalisation_has():
    assert count(Conv4(downsampling="pool")) == 111_936 - 4 * 64
    assert count(Conv4(downsampling="stride")) == 111_936 - 4 * 64
    assert count(Conv4(normalisation="group")) == 111_936 - 4 * 64
    assert count(Conv4(normalisation="none")) == 111_936 - 8 * 64


def test_without_normalisation_a_blank_image_has_features_of_its_own():
    assert Conv4(normalisation="none")(torch.zeros(1, 1, 28, 28)).any()


def test_features_are_those_of_a_loop_over_blocks(generator):
    encoder = settled(small(downsampling="pool"))
    images = torch.rand(3, 1, 28, 28, generator=generator)
    x = images
    convolutions = [layer for layer in encoder.blocks if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in encoder.blocks if isinstance(layer, nn.BatchNorm2d)]
    for convolution, norm in zip(convolutions, norms, strict=True):
        x = nn.functional.conv2d(x, convolution.weight, padding=1)
        x = (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()
        x = (x * norm.weight[:, None, None] + norm.bias[:, None, None]).clamp(min=0)
        x = nn.functional.max_pool2d(x, 2)
    assert torch.allclose(encoder(images), x.flatten(1), atol=1e-5)


@pytest.mark.parametrize("downsampling", ["pool", "stride"])
@pytest.mark.parametrize("channels", [1, 4], ids=["patches have few numbers", "patches have many numbers"])
def test_in_training_it_gives_what_its_layers_give_one_after_another(downsampling, channels):
    encoder = small(downsampling=downsampling, in_channels=channels).double().train()
    layers = copy.deepcopy(encoder.blocks)
    images = torch.rand(6, channels, 28, 28, dtype=torch.float64)
    features, expected = encoder(images), layers(images).flatten(1)
    torch.testing.assert_close(features, expected)
    weights = torch.randn_like(expected)
    (features * weights).sum().backward()
    (expected * weights).sum().backward()
    for name, parameter in encoder.blocks.named_parameters():
        torch.testing.assert_close(parameter.grad, layers.get_parameter(name).grad)
    for name, buffer in encoder.blocks.named_buffers():
        torch.testing.assert_close(buffer, layers.get_buffer(name))


def test_features_are_those_of_pooling_last_as_in_the_papers():
    encoder = small(downsampling="pool").double().train()
    for norm in encoder.blocks[1::4]:
        nn.init.normal_(norm.weight)
    images = torch.rand(6, 1, 28, 28, dtype=torch.float64)
    x = images
    for convolution, norm, pool, rectify in zip(
        *(copy.deepcopy(encoder.blocks[first::4]) for first in range(4)), strict=True
    ):
        x = pool(rectify(norm(convolution(x))))
    torch.testing.assert_close(encoder(images), x.flatten(1))


@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (2, 3, 2)])
def test_leading_dimensions_are_kept(leading):
    encoder = settled(small())
    images = torch.rand(*leading, 1, 28, 28)
    features = encoder(images)
    assert features.shape == (*leading, encoder.num_features)
    flat = encoder(images.reshape(-1, 1, 28, 28))
    assert torch.allclose(features.reshape(-1, encoder.num_features), flat, atol=1e-6)


def test_at_test_an_image_is_encoded_alone_as_in_a_batch():
    encoder = settled(small())
    images = torch.rand(5, 1, 28, 28)
    alone = torch.cat([encoder(image[None]) for image in images])
    assert torch.allclose(encoder(images), alone, atol=1e-5)


@pytest.mark.parametrize("normalisation", ["batch", "group", "none"])
@pytest.mark.parametrize("downsampling", ["pool", "stride"])
def test_without_gradients_features_are_those_with_them(downsampling, normalisation):
    torch.manual_seed(0)
    encoder = Conv4(downsampling=downsampling, normalisation=normalisation)
    encoder(torch.rand(20, 1, 28, 28))  # Running statistics of something.
    encoder.eval()
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
        answered = encoder(torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(1)))
    trained_through = encoder(torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(answered, trained_through, rtol=1e-4, atol=1e-4)


def test_at_test_nothing_in_it_changes():
    encoder = settled(small())
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    encoder(torch.rand(4, 1, 28, 28))
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("downsampling", ["pool", "stride"])
@pytest.mark.parametrize("normalisation", ["batch", "group", "none"])
def test_the_images_are_left_as_they_came(downsampling, normalisation):
    images = torch.randn(2, 3, 1, 28, 28)
    before = images.clone()
    small(downsampling=downsampling, normalisation=normalisation)(images)
    assert torch.equal(images, before)


@pytest.mark.parametrize(("normalisation", "is_same"), [("batch", False), ("group", True), ("none", True)])
def test_only_batch_statistics_tell_training_from_test(normalisation, is_same):
    encoder = small(normalisation=normalisation)
    images = torch.rand(4, 1, 28, 28)
    assert torch.allclose(encoder.train()(images), encoder.eval()(images), atol=1e-6) == is_same


@pytest.mark.parametrize(("normalisation", "is_alone"), [("batch", False), ("group", True)])
def test_only_batch_statistics_mix_images_in_training(normalisation, is_alone):
    encoder = small(normalisation=normalisation).train()
    images = torch.rand(4, 1, 28, 28)
    assert torch.allclose(encoder(images)[:1], encoder(images[:1]), atol=1e-5) == is_alone


def test_features_are_not_negative():
    assert small()(torch.randn(4, 1, 28, 28)).min() == 0


def test_colour_images_have_more_channels():
    assert small(in_channels=3)(torch.rand(2, 3, 28, 28)).shape == (2, 32)


def test_every_layer_gets_a_gradient():
    encoder = small()
    encoder(torch.rand(4, 1, 28, 28)).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 14, 14\).*built for \(1, 28, 28\)"):
        Conv4()(torch.zeros(2, 1, 14, 14))


def test_without_gradients_to_ask_for_it_answers_as_with_them():
    encoder = Conv4(channels=8)
    encoder(torch.rand(16, 1, 28, 28))
    images = torch.rand(3, 1, 28, 28)
    expected = encoder.eval()(images)
    assert expected.requires_grad
    encoder.requires_grad_(False)
    assert torch.allclose(encoder(images), expected, atol=1e-5)
    assert encoder(images.requires_grad_()).requires_grad
    assert encoder(images[:0]).shape == (0, encoder.num_features)


def test_the_middle_blocks_can_have_residual_convolutions():
    plain, deep = small(downsampling="pool"), small(downsampling="pool", residual=2)
    assert deep.map_shape == plain.map_shape
    assert count(deep) - count(plain) == 2 * 2 * (64 * 9 + 2 * 8)


def test_residual_convolutions_that_give_nothing_leave_the_encoder_as_it_is(generator):
    deep = settled(small(downsampling="pool", residual=2))
    plain = small(downsampling="pool").eval()
    plain.blocks = nn.Sequential(*(layer for layer in deep.blocks if not isinstance(layer, Residual)))
    images = torch.rand(3, 1, 28, 28, generator=generator)
    assert not torch.allclose(deep(images), plain(images))
    for layer in deep.blocks:
        if isinstance(layer, Residual):
            nn.init.zeros_(layer.norm.weight)
            nn.init.zeros_(layer.norm.bias)
    torch.testing.assert_close(deep(images), plain(images))
