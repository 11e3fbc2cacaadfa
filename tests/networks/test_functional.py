import pytest
import torch
import torch.nn.functional as F

from quickstudy.networks.batch_statistics import among_themselves
from quickstudy.networks.functional import FunctionalConv4, FunctionalPerceptron


def exact_conv4(**options) -> FunctionalConv4:
    return FunctionalConv4(5, channels=8, **options).double()


def own_weights(network, num_tasks, generator):
    """Other weights for each task, not far from the network's."""

    def moved(weight):
        return weight + 0.1 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)

    return {name: moved(weight) for name, weight in network.weights(num_tasks).items()}


def plain_conv4(weights, task, x, pooling="mean"):
    """The same network for one task, as one would write it."""
    for block in range(4):
        x = F.conv2d(x, weights[f"conv{block}"][task], stride=2, padding=1)
        scale = weights[f"scale{block}"][task] if f"scale{block}" in weights else None
        x = F.batch_norm(x, None, None, scale, weights[f"shift{block}"][task], training=True, eps=1e-3).relu()
    z = x.mean((2, 3)) if pooling == "mean" else x.flatten(1)
    return z @ weights["head"][task] + weights["head_bias"][task]


@pytest.mark.parametrize(("pooling", "scales"), [("mean", False), ("none", True)])
def test_every_task_has_weights_and_batch_statistics_of_its_own(generator, pooling, scales):
    network = exact_conv4(pooling=pooling, scales=scales)
    weights = own_weights(network, 3, generator)
    x = torch.rand(3, 6, 1, 28, 28, generator=generator, dtype=torch.float64)
    outputs = network(weights, x)
    for task in range(3):
        assert torch.allclose(outputs[task], plain_conv4(weights, task, x[task], pooling), atol=1e-10)


@pytest.mark.parametrize("normalises", [True, False])
def test_a_perceptron_of_each_task_is_linear_layers_with_relu_between(generator, normalises):
    network = FunctionalPerceptron(12, (7, 6), 4, normalises=normalises, scales=normalises).double()
    weights = own_weights(network, 3, generator)
    x = torch.rand(3, 5, 3, 4, generator=generator, dtype=torch.float64)
    outputs = network(weights, x)
    for task in range(3):
        z = x[task].flatten(1)
        for layer in range(2):
            z = z @ weights[f"linear{layer}"][task]
            if normalises:
                scale, shift = (weights[f"{kind}{layer}"][task] for kind in ("scale", "shift"))
                z = F.batch_norm(z, None, None, scale, shift, training=True, eps=1e-3).relu()
            else:
                z = (z + weights[f"bias{layer}"][task]).relu()
        expected = z @ weights["head"][task] + weights["head_bias"][task]
        assert torch.allclose(outputs[task], expected, atol=1e-10)


def test_maml_s_network_has_the_papers_parameters_less_biases_that_normalising_takes_away():
    def count(**options):
        return sum(parameter.numel() for parameter in FunctionalConv4(5, **options).parameters())

    assert count() == 112_005 - 4 * 64
    assert count(scales=True) == 112_261 - 4 * 64
    assert count(scales=True, pooling="none") == 113_221 - 4 * 64


@pytest.mark.parametrize("scales", [True, False])
def test_the_first_maps_are_normalised_by_their_weights_as_if_afterwards(generator, scales):
    network = exact_conv4(scales=scales, in_channels=3, image_size=13, blocks=2)
    weights = own_weights(network, 3, generator)
    x = torch.rand(3, 6, 3, 13, 13, generator=generator, dtype=torch.float64)
    afterwards = network(weights, x, lambda *arguments: among_themselves(*arguments))
    assert torch.allclose(network(weights, x), afterwards, atol=1e-12)


def test_features_of_images_stay_out_of_mixed_precision(generator):
    network = FunctionalConv4(5, channels=8)
    x = torch.rand(2, 6, 1, 28, 28, generator=generator)
    expected = network.features(network.weights(2), x, among_themselves)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network.features(network.weights(2), x, among_themselves), expected)


def test_one_example_alone_can_be_normalised():
    network = FunctionalPerceptron(12, (7,), 4)
    assert network(network.weights(2), torch.rand(2, 1, 12)).isfinite().all()


def test_inputs_of_another_shape_are_refused():
    conv, perceptron = FunctionalConv4(5, channels=4), FunctionalPerceptron(12, (7,), 4)
    with pytest.raises(ValueError, match=r"An input is \(1, 20, 20\), but the network was built for \(1, 28, 28\)"):
        conv(conv.weights(1), torch.rand(1, 2, 1, 20, 20))
    with pytest.raises(ValueError, match=r"An input is \(9,\)"):
        perceptron(perceptron.weights(1), torch.rand(1, 2, 9))
    with pytest.raises(ValueError, match="pooling is 'max'"):
        FunctionalConv4(5, pooling="max")
