"""Fast weights of the recent past: both forms agree, and they retrieve what a plain recurrent network cannot hold."""

import pytest
import torch
from torch import nn

from quickstudy.networks.recent_past import RecentPastRNN, associated


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def build(**options):
    torch.manual_seed(0)
    return RecentPastRNN(5, 8, **options).double()


def with_the_matrix(network, x):
    """The same network with its fast weights as a matrix: A ← λ A + η h hᵀ."""
    state, matrix, states = torch.zeros(len(x), 8).double(), torch.zeros(len(x), 8, 8).double(), []
    for step in range(x.shape[1]):
        arriving = network.from_before(state) + network.from_inputs(x[:, step])
        state = network.norm(arriving).relu()
        if step:
            for _ in range(network.inner_steps):
                state = network.norm(arriving + (matrix @ state[..., None]).squeeze(-1)).relu()
        matrix = network.decay * matrix + network.rate * state[:, :, None] * state[:, None]
        states.append(state)
    return torch.stack(states, dim=1)


def test_the_sum_over_earlier_states_is_the_product_with_the_matrix():
    states, state = random(2, 6, 8), random(2, 8, seed=1)
    matrix = torch.zeros(2, 8, 8).double()
    for earlier in states.unbind(dim=1):
        matrix = 0.9 * matrix + 0.5 * earlier[:, :, None] * earlier[:, None]
    assert torch.allclose(associated(states, state, 0.5, 0.9), (matrix @ state[..., None]).squeeze(-1), atol=1e-10)


@pytest.mark.parametrize("inner_steps", [1, 3])
def test_a_network_without_the_matrix_is_the_network_with_it(inner_steps):
    network, x = build(inner_steps=inner_steps), random(3, 9, 5)
    assert torch.allclose(network(x), with_the_matrix(network, x), atol=1e-10)


def test_without_fast_weights_it_is_a_plain_recurrent_network():
    network, x = build(rate=0.0), random(3, 9, 5)
    state = torch.zeros(3, 8).double()
    for step in range(9):
        state = network.norm(network.from_before(state) + network.from_inputs(x[:, step])).relu()
    assert torch.allclose(network(x)[:, -1], state, atol=1e-10)


def test_without_layer_norm_states_grow_without_bound():
    x = random(2, 20, 5)
    assert build()(x)[:, -1].abs().max() < 5
    assert not build(normalises=False)(x)[:, -1].isfinite().all()


def test_recurrent_weights_begin_as_a_share_of_the_identity():
    assert torch.equal(RecentPastRNN(5, 8).from_before.weight.detach(), 0.05 * torch.eye(8))


LETTERS, DIGITS = 4, 3


def drawn(count, generator):
    """Sequences of two letters, each followed by a digit, and of one of the letters again; and its digit."""
    letters = torch.rand(count, LETTERS, generator=generator).argsort(dim=1)[:, :2]
    digits = torch.randint(DIGITS, (count, 2), generator=generator)
    place = torch.randint(2, (count,), generator=generator)
    asked, answer = letters[torch.arange(count), place], digits[torch.arange(count), place]
    items = [letters[:, 0], LETTERS + digits[:, 0], letters[:, 1], LETTERS + digits[:, 1], asked]
    return nn.functional.one_hot(torch.stack(items, dim=1), LETTERS + DIGITS).float(), answer


def trained_accuracy(rate):
    torch.manual_seed(0)
    network, read, generator = RecentPastRNN(7, 10, rate=rate), nn.Linear(10, DIGITS), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam([*network.parameters(), *read.parameters()], lr=2e-2)
    for _ in range(450):
        x, answer = drawn(64, generator)
        optimiser.zero_grad()
        nn.functional.cross_entropy(read(network(x)[:, -1]), answer).backward()
        optimiser.step()
    x, answer = drawn(1000, generator)
    with torch.no_grad():
        return float((read(network(x)[:, -1]).argmax(dim=1) == answer).float().mean())


def test_with_fast_weights_a_small_network_retrieves_the_digit_of_a_letter_and_without_it_does_less_well():
    with_fast, without = trained_accuracy(0.5), trained_accuracy(0.0)
    assert with_fast > 0.78
    assert without < 0.73
