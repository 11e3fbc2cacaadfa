"""Weights of two speeds: their rule, and old memories that become clear again when a few of them are rehearsed."""

import torch

from quickstudy.networks.two_speeds import Rates, TwoSpeedWeights, learned, outputs_of

INPUTS, OUTPUTS, OLD, NEW, REHEARSED = 100, 50, 80, 5, 40


def zeros():
    nothing = torch.zeros(OUTPUTS, INPUTS, dtype=torch.float64)
    return TwoSpeedWeights(nothing, nothing)


def pairs():
    """Random binary inputs of length one, and random outputs near zero and one."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(2, (OLD + NEW, INPUTS), generator=generator).double() * 2 - 1
    return x / INPUTS**0.5, torch.randint(2, (OLD + NEW, OUTPUTS), generator=generator) * 0.8 + 0.1


def faded(weights, rates):
    return weights._replace(fast=rates.decay * weights.fast)


def test_both_weights_take_their_share_of_the_error_and_the_fast_ones_fade():
    x, y = pairs()
    weights = TwoSpeedWeights(*(torch.randn(2, OUTPUTS, INPUTS, dtype=torch.float64)))
    after = learned(weights, x[:3], y[:3], Rates(0.1, 0.5, 0.8))
    error = y[:3] - ((x[:3] @ weights.slow.T) + (x[:3] @ weights.fast.T)).sigmoid()
    change = sum(torch.outer(error[index], x[index]) for index in range(3))
    assert torch.allclose(after.slow, weights.slow + 0.1 * change, atol=1e-12)
    assert torch.allclose(after.fast, 0.8 * weights.fast + 0.5 * change, atol=1e-12)


def experiment(rates):
    """Errors of the old pairs that are not rehearsed: after new pairs, after rehearsal, and after fading alone."""
    (x, y), weights = pairs(), zeros()

    def error(of):
        return float((outputs_of(of, x[REHEARSED:OLD]) - y[REHEARSED:OLD]).abs().mean())

    for _ in range(3000):
        weights = learned(weights, x[:OLD], y[:OLD], rates)
    for _ in range(20):
        weights = learned(weights, x[OLD:], y[OLD:], rates)
    blurred, fading = error(weights), weights
    for _ in range(8):
        weights, fading = learned(weights, x[:REHEARSED], y[:REHEARSED], rates), faded(fading, rates)
    return blurred, error(weights), error(fading)


def test_rehearsing_some_old_pairs_makes_the_others_clear_again():
    blurred, rehearsed, fading = experiment(Rates(slow=0.3, fast=3.0, decay=0.9))
    assert rehearsed < 0.55 * blurred
    assert rehearsed < 0.95 * fading  # More than by the fading of the fast weights alone.


def test_with_slow_weights_alone_the_others_hardly_change():
    blurred, rehearsed, _ = experiment(Rates(slow=0.3, fast=0.0))
    assert 0.8 * blurred < rehearsed < 1.05 * blurred
