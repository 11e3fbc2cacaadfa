import pytest
import torch

from quickstudy.networks.causal_attention import CausalAttention
from quickstudy.networks.temporal import CausalChain, CausalConvolution, DenseBlock, TCBlock

BLOCKS = {
    "convolution, dilation 1": lambda: CausalConvolution(3, 4, 1),
    "convolution, dilation 3": lambda: CausalConvolution(3, 4, 3),
    "convolution beyond the sequence": lambda: CausalConvolution(3, 4, 16),
    "dense block": lambda: DenseBlock(3, 4, 2),
    "tc block": lambda: TCBlock(3, 9, 4),
    "tc block, literal dilations": lambda: TCBlock(3, 9, 4, literal_dilations=True),
    "chain": lambda: CausalChain([DenseBlock(3, 2), TCBlock(5, 4, 2)], 3),
    "chain that ends with attention": lambda: CausalChain([DenseBlock(3, 2), CausalAttention(5, 4, 2)], 3),
}
every_block = pytest.mark.parametrize("name", BLOCKS)


def build(name):
    """In float64."""
    torch.manual_seed(0)
    return BLOCKS[name]().double()


@pytest.fixture
def x(generator):
    """Two sequences of nine items of three channels, in float64."""
    return torch.randn(2, 9, 3, generator=generator, dtype=torch.float64)


def reach(block, length, channels=3):
    """For the last output: which inputs have a gradient."""
    x = torch.randn(1, length, channels, dtype=torch.float64, requires_grad=True)
    block(x)[0, -1].sum().backward()
    return (x.grad[0] != 0).any(dim=-1).tolist()


@pytest.mark.parametrize("dilation", [1, 2, 5])
def test_a_convolution_is_that_of_a_loop(dilation, x):
    convolution = CausalConvolution(3, 4, dilation).double()
    a, b = convolution.taps.weight[:, :3], convolution.taps.weight[:, 3:]
    found = convolution(x)
    for t in range(9):
        earlier = x[:, t - dilation] if t >= dilation else torch.zeros(2, 3, dtype=torch.float64)
        expected = earlier @ a.T + x[:, t] @ b.T + convolution.taps.bias
        assert torch.allclose(found[:, t], expected, atol=1e-12)


@pytest.mark.parametrize("dilation", [1, 2, 5])
def test_a_convolution_is_torchs_own_padded_on_the_left(dilation, x):
    convolution = CausalConvolution(3, 4, dilation).double()
    kernel = torch.stack(convolution.taps.weight.split(3, dim=1), dim=-1)
    padded = torch.nn.functional.pad(x.transpose(1, 2), (dilation, 0))
    expected = torch.nn.functional.conv1d(padded, kernel, convolution.taps.bias, dilation=dilation)
    assert torch.allclose(convolution(x).transpose(1, 2), expected, atol=1e-12)


def test_a_convolution_starts_as_torchs_own_does():
    torch.manual_seed(0)
    ours, theirs = CausalConvolution(64, 64).taps, torch.nn.Conv1d(64, 64, 2)
    for layer in (ours, theirs):
        assert layer.weight.detach().abs().max().item() == pytest.approx((2 * 64) ** -0.5, rel=0.05)
        assert layer.bias.detach().abs().max().item() == pytest.approx((2 * 64) ** -0.5, rel=0.2)


def test_a_dense_block_gates_one_convolution_with_another_and_keeps_its_input(x):
    block = DenseBlock(3, 4, 2).double()
    f, g = block.convolutions(x)[..., :4], block.convolutions(x)[..., 4:]
    expected = torch.cat([x, torch.tanh(f) / (1 + torch.exp(-g))], dim=-1)
    assert torch.allclose(block(x), expected, atol=1e-12)


def test_the_two_convolutions_of_a_dense_block_have_weights_of_their_own():
    f, g = DenseBlock(3, 4).convolutions.taps.weight.chunk(2)
    assert not torch.allclose(f, g)


@pytest.mark.parametrize(("length", "blocks"), [(1, 0), (2, 1), (6, 3), (8, 3), (9, 4), (21, 5), (26, 5), (101, 7)])
def test_a_tc_block_halves_its_sequence_as_often_as_it_has_dense_blocks(length, blocks):
    block = TCBlock(3, length, 4)
    assert [dense.convolutions.dilation for dense in block.blocks] == [2**index for index in range(blocks)]
    assert block.out_channels == 3 + 4 * blocks
    assert block(torch.zeros(1, length, 3)).shape == (1, length, 3 + 4 * blocks)


def test_taken_literally_dilations_start_at_two():
    block = TCBlock(3, 26, 4, literal_dilations=True)
    assert [dense.convolutions.dilation for dense in block.blocks] == [2, 4, 8, 16, 32]


@pytest.mark.parametrize("length", [2, 6, 8, 26])
def test_the_last_position_of_a_tc_block_sees_all_items(length):
    assert reach(TCBlock(3, length, 4).double(), length) == [True] * length


@pytest.mark.parametrize("length", [6, 26])
def test_taken_literally_a_tc_block_sees_every_second_item_and_never_its_predecessor(length):
    seen = reach(TCBlock(3, length, 4, literal_dilations=True).double(), length)
    assert seen == [(length - 1 - position) % 2 == 0 for position in range(length)]
    assert sum(seen) == length // 2


def test_an_item_further_back_than_the_dilations_add_up_to_is_not_seen():
    assert reach(TCBlock(3, 4, 4).double(), 6) == [False, False, True, True, True, True]


@every_block
@pytest.mark.parametrize("position", [0, 4, 8])
def test_what_comes_later_changes_no_bit_of_what_came_before(name, position, x):
    block, other = build(name), x.clone()
    other[:, position] += 1
    before, after = block(x), block(other)
    assert torch.equal(before[:, :position], after[:, :position])
    assert not torch.equal(before[:, position], after[:, position])


@every_block
@pytest.mark.parametrize("length", [0, 1, 2, 5, 8])
def test_a_query_is_the_next_item_of_the_sequence(name, length, x):
    block = build(name)
    _, cache = block.extend(block.empty(2), x[:, :length])
    queries = x[:, length:]
    found = block.query(cache, queries)
    for query in range(queries.shape[1]):
        whole = block(torch.cat([x[:, :length], queries[:, query : query + 1]], dim=1))
        assert torch.allclose(found[:, query], whole[:, -1], atol=1e-12)


@every_block
@pytest.mark.parametrize("parts", [(9,), (4, 5), (1, 1, 7), (3, 0, 6), (1,) * 9])
def test_reading_in_parts_is_reading_at_once(name, parts, x):
    block = build(name)
    cache, outputs = block.empty(2), []
    for part in x.split(parts, dim=1):
        output, cache = block.extend(cache, part)
        outputs.append(output)
    assert torch.allclose(torch.cat(outputs, dim=1), block(x), atol=1e-12)
    _, at_once = block.extend(block.empty(2), x)
    assert torch.allclose(block.query(cache, x), block.query(at_once, x), atol=1e-12)


@every_block
def test_queries_do_not_see_each_other(name, x):
    block = build(name)
    _, cache = block.extend(block.empty(2), x[:, :4])
    other = x[:, 4:].clone()
    other[:, 1:] += 1
    assert torch.equal(block.query(cache, x[:, 4:])[:, 0], block.query(cache, other)[:, 0])


@every_block
def test_it_gives_as_many_channels_as_it_says(name, x):
    block = build(name)
    assert block(x).shape == (2, 9, block.out_channels)


@every_block
def test_what_is_remembered_is_what_extending_remembers(name, x):
    block = build(name)
    _, some = block.extend(block.empty(2), x[:, :4])
    _, extended = block.extend(some, x[:, 4:])
    remembered = block.remember(some, x[:, 4:])
    assert torch.equal(block.query(remembered, x), block.query(extended, x))


@pytest.mark.parametrize(("dilation", "kept"), [(1, 1), (3, 3), (9, 9), (16, 9)])
def test_a_cache_holds_what_later_items_find_of_the_last_inputs_they_reach_and_no_more(dilation, kept, x):
    convolution = CausalConvolution(3, 4, dilation).double()
    _, cache = convolution.extend(convolution.empty(2), x)
    assert torch.allclose(cache, x[:, 9 - kept :] @ convolution.taps.weight[:, :3].T, atol=1e-12)
    assert cache.untyped_storage().nbytes() == 8 * cache.numel()


def test_the_last_block_of_a_chain_remembers_without_reading(x):
    attention = CausalAttention(3, 4, 2).double()
    chain = CausalChain([attention], 3)
    attention.queries.register_forward_hook(lambda *_: pytest.fail("what nobody reads was computed"))
    assert torch.equal(chain.remember(chain.empty(2), x)[0].keys, attention.keys(x))


def test_a_chain_of_nothing_gives_what_it_gets(x):
    chain = CausalChain([], 3)
    assert torch.equal(chain(x), x)
    assert chain.out_channels == 3


def test_a_gradient_flows_through_the_cache(x):
    block = build("tc block")
    x.requires_grad_()
    _, cache = block.extend(block.empty(2), x[:, :8])
    block.query(cache, x[:, 8:]).sum().backward()
    through_cache, x.grad = x.grad, None
    block(x)[:, -1].sum().backward()
    assert torch.allclose(through_cache, x.grad, atol=1e-12)
    assert (x.grad != 0).all()


def test_a_sequence_without_items_is_refused():
    with pytest.raises(ValueError, match="length is 0"):
        TCBlock(3, 0, 4)
