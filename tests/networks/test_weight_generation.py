"""Generated linear layers: what they compute, and that their outputs have the variance they should have."""

import pytest
import torch

from quickstudy.networks.weight_generation import GeneratedLinear, generated_linear


def embeddings(num_tasks, size, seed=0):
    """Random embeddings whose numbers have a mean square of one."""
    drawn = torch.randn(num_tasks, size, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.layer_norm(drawn, (size,))


@pytest.mark.parametrize(("num_inputs", "num_outputs"), [(16, 200), (400, 50)])
def test_outputs_of_a_hyperfan_layer_have_variance_one_whatever_its_size(num_inputs, num_outputs):
    torch.manual_seed(0)
    layer = GeneratedLinear(32, num_inputs, num_outputs)
    x = torch.randn(200, 5, num_inputs)
    with torch.no_grad():
        outputs = generated_linear(x, *layer(embeddings(200, 32)))
    assert float(outputs.var()) == pytest.approx(1, rel=0.1)


def test_the_usual_initialisation_depends_on_the_number_of_inputs():
    variances = []
    for num_inputs in (16, 400):
        torch.manual_seed(0)
        layer = GeneratedLinear(32, num_inputs, 50, initialisation="usual")
        with torch.no_grad():
            outputs = generated_linear(torch.randn(200, 5, num_inputs), *layer(embeddings(200, 32)))
        variances.append(float(outputs.var()))
    assert variances[1] > 15 * variances[0]


def test_behind_a_relu_the_variance_stays_one():
    torch.manual_seed(0)
    layer = GeneratedLinear(32, 300, 50, follows_relu=True)
    with torch.no_grad():
        outputs = generated_linear(torch.randn(200, 5, 300).relu(), *layer(embeddings(200, 32)))
    assert float(outputs.var()) == pytest.approx(1, rel=0.1)


def test_variance_stays_one_through_many_generated_layers():
    torch.manual_seed(0)
    x, code = torch.randn(300, 4, 64), embeddings(300, 32)
    with torch.no_grad():
        for depth in range(6):
            layer = GeneratedLinear(32, 64, 64, follows_relu=depth > 0)
            x = generated_linear(x.relu() if depth else x, *layer(code))
    assert float(x.var()) == pytest.approx(1, rel=0.25)


def test_half_of_the_variance_comes_from_the_shifts():
    torch.manual_seed(0)
    _, shifts = GeneratedLinear(32, 64, 500)(embeddings(200, 32))
    assert float(shifts.detach().var()) == pytest.approx(0.5, rel=0.1)


def test_every_task_has_its_own_layer():
    torch.manual_seed(0)
    layer, x = GeneratedLinear(4, 3, 2).double(), torch.randn(2, 5, 3, dtype=torch.float64)
    weights, shifts = layer(embeddings(2, 4).double())
    found = generated_linear(x, weights, shifts)
    for task in range(2):
        expected = torch.nn.functional.linear(x[task], weights[task], shifts[task])
        assert torch.allclose(found[task], expected, atol=1e-12)


def test_unknown_initialisations_are_refused():
    with pytest.raises(ValueError, match="hyperfan or usual was expected"):
        GeneratedLinear(4, 3, 2, initialisation="zeros")
