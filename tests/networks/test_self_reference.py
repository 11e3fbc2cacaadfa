"""Self-referential weights: what they give, and exactly how they change themselves."""

import pytest
import torch

from quickstudy.networks.self_reference import SelfReferentialLayer, self_modified

SIZE = 4


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights_with(output=None, query=None, key=None, rates=None, seed=0):
    """One matrix (4, 16) whose blocks are random but for those given."""
    blocks = [random(SIZE, size, seed=seed + place) for place, size in enumerate((4, 4, 4, 4))]
    return torch.cat(
        [own if block is None else block for own, block in zip(blocks, (output, query, key, rates), strict=True)], dim=1
    )


ONE = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
LARGE = 1e3


def always(row, size=4):
    """A block that gives this row for the item ONE, whatever the others are."""
    block = torch.zeros(SIZE, size, dtype=torch.float64)
    block[0] = row
    return block


def test_the_output_is_that_of_the_weights_before_the_change():
    weights, x = random(3, SIZE, 16), random(3, SIZE, seed=1)
    output, changed = self_modified(weights, x)
    assert torch.allclose(output, torch.einsum("td,tdo->to", x, weights[..., :4]), atol=1e-12)
    assert (changed - weights).abs().max() > 0.01


def test_equal_query_and_key_change_nothing():
    block = random(SIZE, 4, seed=9)
    weights = weights_with(query=block, key=block)
    assert torch.allclose(self_modified(weights, random(SIZE, seed=2))[1], weights, atol=1e-12)


def test_with_rates_of_zero_it_is_a_linear_layer():
    weights = weights_with(rates=always(torch.full((4,), -LARGE, dtype=torch.float64)))
    assert torch.equal(self_modified(weights, ONE)[1], weights)


def test_with_rates_of_one_the_row_of_a_sharp_key_becomes_what_the_query_reads():
    sharp = LARGE * torch.tensor([0.0, 0, 1, 0], dtype=torch.float64)
    weights = weights_with(key=always(sharp), rates=always(torch.full((4,), LARGE, dtype=torch.float64)))
    _, changed = self_modified(weights, ONE)
    query = (ONE @ weights[:, 4:8]).softmax(dim=0)
    assert torch.allclose(changed[2], query @ weights, atol=1e-9)
    assert torch.equal(changed[[0, 1, 3]], weights[[0, 1, 3]])


@pytest.mark.parametrize("block", range(4))
def test_each_block_has_its_own_rate(block):
    rates = torch.full((4,), -LARGE, dtype=torch.float64)
    rates[block] = LARGE
    weights = weights_with(rates=always(rates))
    changes = (self_modified(weights, ONE)[1] - weights).abs().unflatten(1, (4, 4)).sum(dim=(0, 2))
    assert changes[block] > 0.01
    assert changes.sum() == changes[block]


def test_the_change_is_that_of_the_equations_block_by_block():
    weights, x = random(SIZE, 16), random(SIZE, seed=3)
    given = x @ weights
    query, key, rates = given[4:8].softmax(0), given[8:12].softmax(0), given[12:].sigmoid()
    expected = [
        part + rates[index] * torch.outer(key, query @ part - key @ part)
        for index, part in enumerate(weights.split(4, dim=1))
    ]
    assert torch.allclose(self_modified(weights, x)[1], torch.cat(expected, dim=1), atol=1e-12)


def build(**options):
    torch.manual_seed(0)
    return SelfReferentialLayer(8, 2, **options).double()


def test_gradients_through_the_changes_are_those_of_finite_differences():
    layer, x = build(), random(1, 3, 8).requires_grad_()
    first = layer.first.detach().clone()[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda x, weights: layer.read(x, weights), (x, first))


def test_a_layer_reads_a_sequence_in_parts_as_in_one():
    layer, x = build(), random(3, 6, 8)
    whole, after = layer.read(x, layer.prior(3))
    first, between = layer.read(x[:, :2], layer.prior(3))
    second, end = layer.read(x[:, 2:], between)
    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-12)
    assert torch.allclose(end, after, atol=1e-12)


def test_many_items_aside_are_each_the_next_of_a_sequence():
    layer, x, queries = build(), random(3, 4, 8), random(3, 5, 8, seed=1)
    _, weights = layer.read(x, layer.prior(3))
    found = layer.aside(queries, weights)
    for index in range(5):
        expected, _ = layer.read(queries[:, index : index + 1], weights)
        assert torch.allclose(found[:, index], expected[:, 0], atol=1e-12)


def test_padding_changes_no_weights():
    layer, x = build(), random(2, 5, 8)
    mask = torch.tensor([[True, True, False, False, False], [True] * 5])
    _, masked = layer.read(x, layer.prior(2), mask)
    assert torch.allclose(masked[:1], layer.read(x[:1, :2], layer.prior(1))[1], atol=1e-12)
    assert torch.allclose(masked[1:], layer.read(x[1:], layer.prior(1))[1], atol=1e-12)


def test_every_weight_changes():
    layer = build()
    _, after = layer.read(random(1, 20, 8), layer.prior(1))
    assert ((after - layer.first).abs() > 1e-6).all()


def test_first_weights_have_the_papers_spread_and_rates_begin_where_they_are_set():
    first = SelfReferentialLayer(256, 4, first_rate=-1.0).first.detach()
    assert float(first[..., :-4].std()) == pytest.approx(1 / 8, rel=0.05)
    assert float(first[..., -4:].mean()) == pytest.approx(-1, abs=0.02)


def test_heads_that_cannot_share_the_channels_are_refused():
    with pytest.raises(ValueError, match="heads of equal size were expected"):
        SelfReferentialLayer(10, 4)
