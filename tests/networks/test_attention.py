import pytest
import torch

from quickstudy.networks.attention import (
    KeysValues,
    TransformerBlock,
    joined,
    read,
    readable,
    which_are_real,
)


@pytest.fixture
def transformer():
    """Of eight channels and two heads, in float64."""
    torch.manual_seed(0)
    return TransformerBlock(8, 2, 16).double()


@pytest.fixture
def tokens(generator):
    """Two sets of six tokens of eight channels, in float64."""
    return torch.randn(2, 6, 8, generator=generator, dtype=torch.float64)


def test_reading_is_one_update_of_a_modern_hopfield_network(generator):
    patterns_KL = torch.randn(16, 10, generator=generator, dtype=torch.float64)  # Ramsauer et al.'s X
    states_QK = torch.randn(4, 16, generator=generator, dtype=torch.float64)  # their ξ
    found = read(states_QK[None], patterns_KL.T[None], patterns_KL.T[None])[0]
    for state, updated in zip(states_QK, found, strict=True):
        expected = patterns_KL @ (patterns_KL.T @ state / 16**0.5).softmax(dim=0)
        assert torch.allclose(updated, expected, atol=1e-12)


def test_reading_never_raises_the_hopfield_energy(generator):
    patterns_LK = torch.randn(20, 9, generator=generator, dtype=torch.float64)

    def energy(states_QK):
        beta = 1 / 3
        return -torch.logsumexp(beta * states_QK @ patterns_LK.T, dim=-1) / beta + states_QK.square().sum(-1) / 2

    states = 2 * torch.randn(50, 9, generator=generator, dtype=torch.float64)
    for _ in range(5):
        updated = read(states[None], patterns_LK[None], patterns_LK[None])[0]
        assert (energy(updated) <= energy(states) + 1e-12).all()
        states = updated


def test_one_reading_recalls_a_pattern_from_a_spoilt_copy_and_a_weak_one_gives_the_mean(generator):
    patterns = torch.randn(10, 64, generator=generator, dtype=torch.float64).sign()
    spoilt = patterns.clone()
    spoilt[:, :6] *= -1
    recalled = read(8 * spoilt[None], patterns[None], patterns[None])[0]
    assert torch.equal(recalled.sign(), patterns)
    weak = read(1e-9 * spoilt[None], patterns[None], patterns[None])[0]
    assert torch.allclose(weak, patterns.mean(dim=0).expand(10, 64), atol=1e-6)


def test_a_transformer_block_is_that_of_a_loop_over_heads_and_tokens(transformer, tokens):
    queries = tokens.flip(1) + 1
    found = transformer(queries, transformer.remember(tokens))
    for task in range(2):
        keys, values = transformer.keys_values(transformer.norm(tokens[task])).split(8, dim=-1)
        for index, x in enumerate(queries[task]):
            q, heads = transformer.queries(transformer.norm(x)), []
            for part in (slice(0, 4), slice(4, 8)):
                heads.append((keys[:, part] @ q[part] / 2).softmax(dim=0) @ values[:, part])  # √4 = 2
            x = x + transformer.out(torch.cat(heads))
            assert torch.allclose(found[task, index], x + transformer.perceptron(x), atol=1e-12)


def test_keys_and_queries_may_be_made_of_other_items_than_the_values(transformer, tokens):
    other = tokens.flip(1) - 1
    seen = transformer.remember(tokens, compared_TLC=other)
    assert torch.allclose(seen.keys, transformer.remember(other).keys, atol=1e-12)
    assert torch.allclose(seen.values, transformer.remember(tokens).values, atol=1e-12)
    found = []
    transformer.out.register_forward_hook(lambda module, given, read: found.append(read))
    transformer(tokens, seen, compared_TLC=other)
    transformer(other, seen)
    assert torch.allclose(found[0], found[1], atol=1e-12)


def test_keys_that_start_orthogonal_keep_angles_with_one_head():
    block = TransformerBlock(8, 1, 16, key_gain=1.7)
    weight = block.keys_values.weight[:8]
    assert torch.allclose(weight @ weight.T, 1.7**2 * torch.eye(8), atol=1e-5)


def test_what_is_read_may_come_in_any_order(transformer, tokens):
    expected = transformer(tokens, transformer.remember(tokens))
    shuffled = transformer(tokens, transformer.remember(tokens[:, [3, 5, 0, 4, 1, 2]]))
    assert torch.allclose(shuffled, expected, atol=1e-12)


def test_items_that_read_do_not_see_each_other(transformer, tokens):
    seen = transformer.remember(tokens)
    assert torch.allclose(transformer(tokens[:, :1], seen), transformer(tokens, seen)[:, :1], atol=1e-12)


def test_keys_and_values_lead_with_tasks_then_heads(transformer, tokens):
    seen = transformer.remember(tokens)
    assert isinstance(seen, KeysValues)
    assert seen.keys.shape == seen.values.shape == (2, 2, 6, 4)


def test_heads_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="3 heads do not divide 8 channels"):
        TransformerBlock(8, 3, 16)


def test_items_that_are_not_real_are_not_read(generator):
    block = TransformerBlock(8, 2, 16).double()
    x = torch.randn(2, 5, 8, generator=generator, dtype=torch.float64)
    is_real = torch.tensor([[True, False, True, True, False], [True] * 5])
    found = block(x, block.remember(x, is_real))
    alone = block(x[:1], block.remember(x[:1, [0, 2, 3]]))
    assert torch.allclose(found[:1], alone, atol=1e-12)
    assert torch.allclose(found[1:], block(x[1:], block.remember(x[1:])), atol=1e-12)
    may_read = torch.ones(5, 5, dtype=torch.bool).tril()
    masked = block(x, block.remember(x, is_real), may_read)
    assert torch.allclose(masked[:1, 3], block(x[:1, [3]], block.remember(x[:1, [0, 2, 3]]))[:, 0], atol=1e-12)


def test_joined_items_are_real_unless_it_is_said_otherwise():
    some, all_real = (KeysValues(torch.rand(1, 2, 3), torch.rand(1, 2, 3)) for _ in range(2))
    assert joined(some, all_real).is_real == ()
    assert readable(all_real) is None
    some = some._replace(is_real=(torch.tensor([[False, True]]),))
    assert which_are_real(joined(all_real, some)).tolist() == [[True, True, False, True]]
    assert which_are_real(all_real).tolist() == [[True, True]]
