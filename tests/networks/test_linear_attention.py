"""One layer of linear attention makes one gradient step on least squares, exactly."""

import pytest
import torch
from torch import Tensor

from quickstudy.networks.linear_attention import LinearAttention, gradient_step


def problem(generator: torch.Generator, inputs: int, outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (3 tasks, 7 examples, D), their values, and queries (3, 4, D)."""
    x = torch.randn(3, 7, inputs, generator=generator, dtype=torch.float64)
    y = torch.randn(3, 7, outputs, generator=generator, dtype=torch.float64)
    return x, y, torch.randn(3, 4, inputs, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (5, 1), (4, 3)])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_one_layer_is_one_gradient_step(inputs: int, outputs: int, start: float, generator: torch.Generator) -> None:
    x, y, queries = problem(generator, inputs, outputs)
    weights = start * torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
    rate = 0.3
    layer = gradient_step(weights, rate, examples=7)
    answers = queries.new_zeros(3, 4, outputs)
    read = layer(torch.cat([queries, answers], dim=-1), torch.cat([x, y], dim=-1))
    for task in range(3):
        moving = weights.clone().requires_grad_()
        loss = (x[task] @ moving.T - y[task]).square().sum(dim=-1).mean() / 2
        (slope,) = torch.autograd.grad(loss, moving)
        change = -rate * slope
        assert torch.allclose(read[task, :, inputs:], -queries[task] @ change.T, atol=1e-12)
        assert torch.equal(read[task, :, :inputs], queries[task]), "the input of a token must stay"


def test_from_zero_weights_the_layer_predicts_the_value_with_its_sign_changed(generator: torch.Generator) -> None:
    truth = torch.randn(1, 4, generator=generator, dtype=torch.float64)
    x = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64)).Q  # The rows are orthonormal.
    layer = gradient_step(torch.zeros(1, 4, dtype=torch.float64), rate=4.0, examples=4)
    query = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    read = layer(torch.cat([query, query.new_zeros(6, 1)], dim=-1), torch.cat([x, x @ truth.T], dim=-1))
    assert torch.allclose(read[:, 4:], -query @ truth.T)


def test_what_is_read_grows_linearly_with_the_values(generator: torch.Generator) -> None:
    layer = LinearAttention(6, scale=0.5)
    with torch.no_grad():
        layer.keys.weight[:, 3:] = 0  # Keys depend on the first numbers of a token, values on the last.
        layer.values.weight[:, :3] = 0
        seen, reading = torch.randn(2, 5, 6, generator=generator), torch.randn(2, 2, 6, generator=generator)
        doubled = torch.cat([seen[..., :3], 2 * seen[..., 3:]], dim=-1)
        assert torch.allclose(layer(reading, doubled) - reading, 2 * (layer(reading, seen) - reading), atol=1e-6)
