"""Noise has mean 0 and variance 1, and ranks do not depend on the scale of the losses."""

import torch

from quickstudy.training.evolution.perturbations import (
    centred_ranks,
    flat,
    low_rank_noise,
    normal_noise,
    unflattened,
)

SHAPES = {"kernel": (4, 6), "shift": (5,), "scale": ()}


def test_weights_become_a_vector_and_come_back(generator: torch.Generator) -> None:
    weights = {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}
    members = torch.stack([flat(weights), 2 * flat(weights)])
    back = unflattened(members, SHAPES)
    for name, value in weights.items():
        assert torch.equal(back[name], torch.stack([value, 2 * value]))


def test_low_rank_noise_has_matrices_of_that_rank_and_unit_variance(generator: torch.Generator) -> None:
    noise = low_rank_noise(4000, SHAPES, 2, generator)
    kernels = noise[:, :24].unflatten(1, (4, 6))
    assert (torch.linalg.matrix_rank(kernels[:20]) == 2).all()
    assert noise.mean(dim=0).abs().max() < 0.1
    assert (noise.var(dim=0) - 1).abs().max() < 0.15


def test_noise_of_full_rank_is_normal_noise(generator: torch.Generator) -> None:
    noise = low_rank_noise(3, {"kernel": (4, 6)}, 4, generator)
    assert torch.equal(noise, normal_noise(3, 24, torch.Generator().manual_seed(0)))


def test_ranks_sum_to_zero_and_do_not_change_with_a_monotone_map(generator: torch.Generator) -> None:
    losses = torch.randn(11, generator=generator)
    ranks = centred_ranks(losses)
    assert abs(float(ranks.sum())) < 1e-6
    assert (float(ranks.min()), float(ranks.max())) == (-0.5, 0.5)
    assert torch.equal(ranks, centred_ranks(losses.exp() * 7 - 3))


def test_equal_losses_have_equal_ranks() -> None:
    ranks = centred_ranks(torch.tensor([3.0, 1.0, 3.0, 1.0]))
    assert torch.allclose(ranks, torch.tensor([1.0, -1.0, 1.0, -1.0]) / 3)
    assert (centred_ranks(torch.ones(4)) == 0).all()
