"""Fast weights written at once equal those written item by item, and the delta rule replaces what a key reads."""

import pytest
import torch

from quickstudy.networks.delta_rule import (
    DeltaRuleLayer,
    delta_additions,
    dpfp_features,
    elu_features,
    read_along,
    read_apart,
    with_sum_one,
    write,
)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def items():
    """Fast weights (2, 3, 6, 4) and nine items: keys, values, queries and rates."""
    keys, queries = (with_sum_one(elu_features(random(2, 3, 9, 6, seed=seed))) for seed in (1, 2))
    return random(2, 3, 6, 4), keys, random(2, 3, 9, 4, seed=3), queries, random(2, 3, 9, seed=4).sigmoid()


def step_by_step(weights, keys, values, queries, rates):
    """The recurrent form of the delta rule, W ← W + β k (v − W k)ᵀ, and what is read after each step."""
    read = []
    for k, v, q, rate in zip(*(part.unbind(dim=2) for part in (keys, values, queries, rates)), strict=True):
        before = torch.einsum("thkv,thk->thv", weights, k)
        weights = weights + torch.einsum("thk,thv->thkv", k, rate[..., None] * (v - before))
        read.append(torch.einsum("thkv,thk->thv", weights, q))
    return torch.stack(read, dim=2), weights


def test_the_delta_rule_at_once_is_that_of_step_by_step(items):
    weights, keys, values, queries, rates = items
    expected, after = step_by_step(weights, keys, values, queries, rates)
    additions = delta_additions(weights, keys, values, rates)
    assert torch.allclose(read_along(weights, keys, additions, queries), expected, atol=1e-12)
    assert torch.allclose(write(weights, keys, additions), after, atol=1e-12)


def test_the_sum_rule_in_parallel_is_the_recurrent_one(items):
    weights, keys, values, queries, _ = items
    found, recurrent = read_along(weights, keys, values, queries), weights
    for step in range(9):
        recurrent = recurrent + keys[:, :, step, :, None] * values[:, :, step, None]
        assert torch.allclose(found[:, :, step], (queries[:, :, step, None] @ recurrent).squeeze(2), atol=1e-12)
    assert torch.allclose(write(weights, keys, values), recurrent, atol=1e-12)


def test_the_delta_rule_returns_the_latest_value_and_the_sum_rule_the_sum_of_all():
    keys = torch.eye(4, dtype=torch.float64)[[0, 1, 0, 2, 0]]
    values = random(5, 3)
    nothing = torch.zeros(4, 3, dtype=torch.float64)
    latest = write(nothing, keys, delta_additions(nothing, keys, values, torch.ones(5, dtype=torch.float64)))
    assert torch.allclose(latest, torch.stack([values[4], values[1], values[3], 0 * values[0]]), atol=1e-12)
    summed = write(nothing, keys, values)
    assert torch.allclose(summed[0], values[[0, 2, 4]].sum(dim=0), atol=1e-12)


def test_writing_the_same_key_and_value_again_changes_nothing_under_the_delta_rule():
    key, value = torch.eye(4, dtype=torch.float64)[[1, 1]], random(1, 3).expand(2, 3)
    additions = delta_additions(random(4, 3, seed=5), key, value, torch.ones(2, dtype=torch.float64))
    assert additions[0].abs().min() > 0.01
    assert torch.allclose(additions[1], torch.zeros(3, dtype=torch.float64), atol=1e-12)


def test_a_step_of_the_delta_rule_stretches_no_direction(items):
    _, keys, _, _, rates = items
    steps = torch.eye(6) - rates[..., None, None] * keys[..., :, None] * keys[..., None, :]
    eigenvalues = torch.linalg.eigvalsh(steps)
    assert eigenvalues.min() >= 0
    assert eigenvalues.max() <= 1 + 1e-12


def test_the_features_of_dpfp_are_products_of_neighbours():
    x = torch.tensor([1.0, -2.0, 3.0])
    # r = [1 0 3 0 2 0]; rolled by one [0 1 0 3 0 2], by two [2 0 1 0 3 0].
    assert dpfp_features(x).tolist() == [0, 0, 0, 0, 0, 0]
    assert dpfp_features(x, 2).tolist() == [0] * 6 + [2, 0, 3, 0, 6, 0]
    assert dpfp_features(random(5, 8), 3).shape == (5, 48)


def test_features_are_positive_and_have_sum_one():
    for features in (elu_features(random(50, 8)), dpfp_features(random(50, 8))):
        assert (features >= 0).all()
        assert torch.allclose(with_sum_one(features).sum(dim=-1), torch.ones(50, dtype=torch.float64), atol=1e-12)
    assert torch.equal(with_sum_one(torch.zeros(3)), torch.zeros(3))


def test_an_item_apart_reads_what_the_next_item_of_the_sequence_reads(items):
    weights, keys, values, queries, rates = (
        part[:, :, :1] if part.ndim < 4 or part.shape[2] == 9 else part for part in items
    )
    additions = delta_additions(weights, keys, values, rates)
    assert torch.allclose(
        read_apart(weights, keys, additions, queries), read_along(weights, keys, additions, queries), atol=1e-12
    )


LAYERS = [{"rule": "delta"}, {"rule": "delta", "features": "dpfp", "degree": 2}, {"rule": "sum"}]


def build(**options):
    torch.manual_seed(0)
    return DeltaRuleLayer(8, 2, **options).double()


@pytest.mark.parametrize("options", LAYERS)
def test_a_layer_reads_a_sequence_in_parts_as_in_one(options):
    layer, x = build(**options), random(3, 7, 8)
    whole, after = layer.read(x, layer.prior(3))
    first, between = layer.read(x[:, :4], layer.prior(3))
    second, end = layer.read(x[:, 4:], between)
    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-10)
    assert torch.allclose(end, after, atol=1e-12)


@pytest.mark.parametrize("options", LAYERS)
def test_many_items_aside_are_each_the_next_of_a_sequence(options):
    layer, x, queries = build(**options), random(3, 4, 8), random(3, 5, 8, seed=1)
    _, weights = layer.read(x, layer.prior(3))
    found = layer.aside(queries, weights)
    for index in range(5):
        expected, _ = layer.read(torch.cat([x, queries[:, index : index + 1]], dim=1), layer.prior(3))
        assert torch.allclose(found[:, index], expected[:, -1], atol=1e-10)


@pytest.mark.parametrize("options", LAYERS)
def test_padding_writes_nothing(options):
    layer, x = build(**options), random(2, 5, 8)
    mask = torch.tensor([[True, True, True, False, False], [True] * 5])
    _, masked = layer.read(x, layer.prior(2), mask)
    assert torch.allclose(masked[:1], layer.read(x[:1, :3], layer.prior(1))[1], atol=1e-12)
    assert torch.allclose(masked[1:], layer.read(x[1:], layer.prior(1))[1], atol=1e-12)


def test_the_sum_rule_reads_a_mean_of_the_values():
    layer, x = build(rule="sum"), random(1, 1, 8)
    _, values, *_ = layer._projected(x)
    found, _ = layer.read(x.expand(1, 6, 8), layer.prior(1))
    expected = layer.out(values[..., :-1].transpose(1, 2).flatten(2))
    assert torch.allclose(found, expected.expand(1, 6, 8), atol=1e-5)


def test_gradients_of_a_layer_are_those_of_finite_differences():
    layer = build()
    x = random(1, 3, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer.read(x, layer.prior(1)), (x,))


@pytest.mark.parametrize("options", [{"rule": "hebb"}, {"features": "relu"}])
def test_unknown_rules_and_features_are_refused(options):
    with pytest.raises(ValueError, match="was expected"):
        DeltaRuleLayer(8, 2, **options)
