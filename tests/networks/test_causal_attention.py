import pytest
import torch
import torch.nn.functional as F

from quickstudy.networks.causal_attention import CausalAttention


@pytest.fixture
def x(generator):
    """Two sequences of seven items of three channels, in float64."""
    return torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)


@pytest.fixture
def block():
    """Keys of four numbers and values of five, in float64."""
    torch.manual_seed(0)
    return CausalAttention(3, 4, 5).double()


def weights(block, x):
    return block.weights(block.keys(x), x)


def test_attention_is_that_of_a_loop_over_positions(block, x):
    found = block(x)
    for task in range(2):
        for t in range(7):
            q = block.queries(x[task, t])
            logits = torch.stack([q @ block.keys(x[task, j]) / 2 for j in range(t + 1)])  # √4 = 2
            values = torch.stack([block.values(x[task, j]) for j in range(t + 1)])
            expected = torch.cat([x[task, t], logits.softmax(dim=0) @ values])
            assert torch.allclose(found[task, t], expected, atol=1e-12)


def test_the_weights_of_every_position_sum_to_one_over_itself_and_those_before(block, x):
    found = weights(block, x)
    assert torch.allclose(found.sum(dim=-1), torch.ones(2, 7, dtype=torch.float64), atol=1e-12)
    assert (found.triu(1) == 0).all()
    assert (found[:, *torch.tril_indices(7, 7)] > 0).all()


def test_the_first_position_reads_exactly_itself(block, x):
    assert weights(block, x)[:, 0].tolist() == [[1.0] + [0.0] * 6] * 2


def test_equal_items_share_the_attention_equally(block):
    found = weights(block, torch.ones(1, 4, 3, dtype=torch.float64))
    expected = [[1 / (t + 1) if j <= t else 0.0 for j in range(4)] for t in range(4)]
    assert torch.allclose(found[0], torch.tensor(expected, dtype=torch.float64), atol=1e-12)


def test_at_first_an_item_is_read_most_by_its_like(generator):
    block = CausalAttention(32, 64, 4)
    items = F.normalize(torch.randn(20, 32, generator=generator), dim=-1) * 32**0.5
    found = block.weights(block.keys(items)[None].expand(20, -1, -1), items[:, None])[:, 0]
    assert (found.argmax(dim=-1) == torch.arange(20)).all()


def test_keys_that_start_orthogonal_have_the_angles_of_their_items(generator):
    attention = CausalAttention(6, 8, 4, key_gain=1.5).double()
    x_LC = torch.randn(20, 6, generator=generator, dtype=torch.float64)
    keys_LK = x_LC @ attention.keys.weight.T
    assert torch.allclose(keys_LK @ keys_LK.T, 1.5**2 * x_LC @ x_LC.T, atol=1e-5)
    assert torch.equal(attention.queries.weight, attention.keys.weight)


def test_a_position_can_read_earlier_ones_alone_and_itself_only_where_there_are_none(generator):
    attention = CausalAttention(6, 8, 4, reads_itself=False).double()
    x_TLC = torch.randn(2, 5, 6, generator=generator, dtype=torch.float64)
    weights_TLP = attention.weights(attention.remember(attention.empty(2), x_TLC).keys, x_TLC)
    own_TL = weights_TLP.diagonal(dim1=1, dim2=2)
    assert torch.equal(own_TL[:, 0], torch.ones(2, dtype=torch.float64))
    assert not own_TL[:, 1:].any()
    whole, _ = attention.extend(attention.empty(2), x_TLC)
    asked = attention.query(attention.remember(attention.empty(2), x_TLC[:, :-1]), x_TLC[:, -1:])
    assert torch.allclose(asked, whole[:, -1:], atol=1e-12)
    assert torch.allclose(attention.query(attention.empty(2), x_TLC[:, :1]), whole[:, :1], atol=1e-12)


def test_what_is_compared_can_be_the_first_channels_alone(generator):
    attention = CausalAttention(6, 8, 4, compared=4).double()
    x_TLC = torch.randn(2, 5, 6, generator=generator, dtype=torch.float64)
    keys = attention.remember(attention.empty(2), x_TLC).keys
    other = torch.cat([x_TLC[..., :4], torch.randn(2, 5, 2, generator=generator, dtype=torch.float64)], dim=-1)
    assert torch.equal(attention.weights(keys, other), attention.weights(keys, x_TLC))


def test_the_last_positions_read_all_that_is_in_the_cache(block, x):
    assert torch.allclose(block.weights(block.keys(x), x[:, 4:]), weights(block, x)[:, 4:], atol=1e-12)


@pytest.mark.parametrize("position", [0, 3, 6])
def test_what_comes_later_changes_no_bit_of_what_came_before(block, x, position):
    other = x.clone()
    other[:, position] += 1
    before, after = block(x), block(other)
    assert torch.equal(before[:, :position], after[:, :position])
    assert not torch.equal(before[:, position, 3:], after[:, position, 3:])


@pytest.mark.parametrize("length", [0, 1, 4])
def test_a_query_is_the_next_item_of_the_sequence(block, x, length):
    _, cache = block.extend(block.empty(2), x[:, :length])
    found = block.query(cache, x[:, length:])
    for query in range(7 - length):
        whole = block(torch.cat([x[:, :length], x[:, length + query, None]], dim=1))
        assert torch.allclose(found[:, query], whole[:, -1], atol=1e-12)


def test_a_query_after_nothing_reads_itself(block, x):
    assert torch.allclose(block.query(block.empty(2), x), torch.cat([x, block.values(x)], dim=-1), atol=1e-12)


@pytest.mark.parametrize("parts", [(7,), (3, 4), (1, 0, 6), (1,) * 7])
def test_reading_in_parts_is_reading_at_once(block, x, parts):
    cache, outputs = block.empty(2), []
    for part in x.split(parts, dim=1):
        output, cache = block.extend(cache, part)
        outputs.append(output)
    assert torch.allclose(torch.cat(outputs, dim=1), block(x), atol=1e-12)
    assert torch.allclose(cache.keys, block.keys(x), atol=1e-12)
    assert torch.allclose(cache.values, block.values(x), atol=1e-12)


def test_queries_do_not_see_each_other(block, x):
    _, cache = block.extend(block.empty(2), x[:, :4])
    other = x[:, 4:].clone()
    other[:, 1:] += 1
    assert torch.equal(block.query(cache, x[:, 4:])[:, 0], block.query(cache, other)[:, 0])


def test_of_equal_values_a_sharp_head_learns_next_to_nothing_in_mixed_precision(generator):
    torch.manual_seed(0)
    attention = CausalAttention(16, 8, 8)
    with torch.no_grad():
        attention.queries.weight.mul_(8)
        attention.values.weight.zero_()
        attention.values.bias.fill_(100)  # Whatever is read, it is this: the gradient of where to read is zero.
    x, queries = (torch.randn(4, count, 16, generator=generator) for count in (10, 6))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        along, cache = attention.extend(attention.empty(4), x)
        (attention.query(cache, queries).square().mean() + along.square().mean()).backward()
    # With the softmax in bfloat16 it comes out as 0.5 to 1.
    assert float(attention.queries.weight.grad.abs().max()) < 0.2


def test_causal_attention_leaves_out_what_is_not_real(generator):
    block = CausalAttention(6, 4, 3).double()
    x = torch.randn(1, 5, 6, generator=generator, dtype=torch.float64)
    cache = block.remember(block.empty(1), x[:, :3])._replace(is_real=(torch.tensor([[True, False, True]]),))
    without = block.remember(block.empty(1), x[:, [0, 2]])
    assert torch.allclose(block.query(cache, x[:, 3:]), block.query(without, x[:, 3:]), atol=1e-12)
    (one, longer), (other, _) = block.extend(cache, x[:, 3:]), block.extend(without, x[:, 3:])
    assert torch.allclose(one, other, atol=1e-12)
    assert longer.is_real[0].tolist() == [[True, False, True, True, True]]


def test_a_crowded_kind_is_read_as_much_as_a_single_item(generator: torch.Generator) -> None:
    block = CausalAttention(5, 4, 3).double()
    one, other, asked = torch.randn(3, 1, 1, 5, generator=generator, dtype=torch.float64)
    items = torch.cat([one, one, one, other], dim=1)
    crowding = torch.tensor([[3.0, 3.0, 3.0, 1.0]])
    crowded = block.query(block.remember(block.empty(1), items), asked, crowding)
    alone = block.query(block.remember(block.empty(1), torch.cat([one, other], dim=1)), asked)
    assert torch.allclose(crowded, alone, atol=1e-10)
    whole = block(torch.cat([items, asked], dim=1), torch.cat([crowding, torch.ones(1, 1)], dim=1))
    assert torch.allclose(whole[:, -1:], alone, atol=1e-10)
