"""Hebbian traces: their rules, and a network that learns to complete patterns that it saw."""

import pytest
import torch

from quickstudy.networks.plasticity import PlasticConnections, PlasticNetwork, hebb_step, oja_step, trace_of_labels


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_hebbs_rule_is_a_moving_average_of_products():
    trace, before, behind = random(2, 3, 4), random(2, 3, seed=1), random(2, 4, seed=2)
    found = hebb_step(trace, before, behind, 0.2)
    for task in range(2):
        assert torch.allclose(found[task], 0.8 * trace[task] + 0.2 * torch.outer(before[task], behind[task]))


def test_ojas_rule_is_that_of_its_equation_and_leaves_traces_of_silent_ends():
    trace, before, behind = random(1, 3, 4), random(1, 3, seed=1), random(1, 4, seed=2)
    behind[0, 1] = 0
    found = oja_step(trace, before, behind, 0.2)
    for i in range(3):
        for j in range(4):
            change = behind[0, j] * (before[0, i] - behind[0, j] * trace[0, i, j])
            assert torch.isclose(found[0, i, j], trace[0, i, j] + 0.2 * change)
    assert torch.equal(found[0, :, 1], trace[0, :, 1])


def test_under_ojas_rule_a_trace_converges_to_what_comes_before_an_active_end():
    trace, before, behind = torch.zeros(1, 3, 1).double(), random(1, 3), torch.ones(1, 1).double()
    for _ in range(100):
        trace = oja_step(trace, before, behind, 0.2)
    assert torch.allclose(trace[0, :, 0], before[0], atol=1e-6)


@pytest.mark.parametrize(("rule", "step"), [("hebb", hebb_step), ("oja", oja_step)])
def test_labels_at_once_leave_the_trace_of_step_by_step(rule, step):
    labels = torch.nn.functional.one_hot(torch.tensor([[0, 1, 0, 2, 1], [1, 1, 1, 0, 0]]), 3).double()
    real = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).double()
    before, trace, rate = random(2, 5, 4), random(2, 4, 3, seed=1), torch.tensor(0.3).double()
    found = trace_of_labels(trace, before, labels * real[..., None], real, rate, rule)
    for task, length in ((0, 5), (1, 3)):
        expected = trace[task : task + 1]
        for index in range(length):
            expected = step(expected, before[task : task + 1, index], labels[task : task + 1, index], 0.3)
        assert torch.allclose(found[task : task + 1], expected, atol=1e-12)


def test_connections_add_a_share_of_the_trace_to_their_weights():
    connections = PlasticConnections(3, 2).double()
    trace, before = random(2, 3, 2), random(2, 5, 3, seed=1)
    weights = connections.fixed + connections.shares * trace
    assert torch.allclose(connections(before, trace), before @ weights, atol=1e-12)
    assert float(connections.rate.detach()) == pytest.approx(0.01)


@pytest.mark.parametrize("options", [{"rule": "bcm"}, {"first_rate": 0.0}])
def test_unknown_rules_and_rates_are_refused(options):
    with pytest.raises(ValueError, match="was expected"):
        PlasticConnections(3, 2, **options)


BITS, PATTERNS = 40, 2


def drawn(count, generator):
    """Inputs (T, S, bits) that show two patterns, each for three steps and a pause, then half of one; and that one."""
    patterns = torch.randint(2, (count, PATTERNS, BITS), generator=generator) * 2.0 - 1
    pause = torch.zeros(count, 1, BITS)
    shown = [part for index in range(PATTERNS) for part in (patterns[:, [index]].expand(-1, 3, -1), pause)]
    answer = patterns[torch.arange(count), torch.randint(PATTERNS, (count,), generator=generator)]
    is_given = torch.rand(count, BITS, generator=generator).argsort(dim=1) < BITS // 2
    return torch.cat([*shown, (answer * is_given)[:, None].expand(-1, 3, -1)], dim=1), answer, is_given


def trained_errors(is_plastic):
    """Share of wrong bits, among those that were not given, after a short training."""
    torch.manual_seed(0)
    network, generator = PlasticNetwork(BITS, first_rate=0.1), torch.Generator().manual_seed(0)
    if not is_plastic:
        network.connections.shares.requires_grad_(False).zero_()
    optimiser = torch.optim.Adam([each for each in network.parameters() if each.requires_grad], lr=1e-2)
    for _ in range(60):
        inputs, answer, _ = drawn(16, generator)
        optimiser.zero_grad()
        (network(inputs)[:, -1] - answer).square().mean().backward()
        optimiser.step()
    inputs, answer, is_given = drawn(100, generator)
    with torch.no_grad():
        is_wrong = (network(inputs)[:, -1].sign() != answer) & ~is_given
    return float(is_wrong.sum() / (~is_given).sum())


def test_plastic_connections_learn_to_complete_patterns_that_they_saw_and_others_cannot():
    assert trained_errors(is_plastic=True) < 0.15
    assert trained_errors(is_plastic=False) == pytest.approx(0.5, abs=0.05)


def test_a_bit_that_is_given_is_fixed():
    network = PlasticNetwork(BITS)
    inputs, _, is_given = drawn(5, torch.Generator().manual_seed(0))
    activity = network(inputs)[:, -1]
    assert torch.allclose(activity[is_given], inputs[:, -1][is_given], atol=1e-4)
