"""The recipe of BLUR: what it trains on, and what it is tested on."""

import torch

from quickstudy.recipes import build


def test_functions_of_the_tests_are_not_those_of_the_training() -> None:
    experiment = build("boolean-blur", {})
    assert experiment.train(None).functions == ("xor", "or")
    assert {name: source(None).functions for name, source in experiment.test.items()} == {
        "and": ("and",),
        "quadrant": ("quadrant",),
        "nxor": ("nxor",),
    }


def test_the_options_reach_the_learner() -> None:
    options = {
        "hidden": 7,
        "num_states": 3,
        "updates": (2, 4),
        "test_updates": 9,
        "synapse_scale": 0.5,
        "symmetric_signs": False,
    }
    learner = build("boolean-blur", {**options, "synapse_seed": 3, "support": 12}).learner
    assert learner.sizes == (2, 7, 1)
    assert (learner.genome.num_states, learner.updates, learner.test_updates) == (3, (2, 4), 9)
    assert learner.up_0.abs().max() <= 0.5
    assert not torch.equal(learner.up_0, build("boolean-blur", options).learner.up_0)


def test_a_genome_can_start_near_gradient_descent() -> None:
    genome = build("boolean-blur", {"start": "gradient"}).learner.genome
    assert torch.equal(genome.before, torch.eye(2))


def test_the_support_has_the_points_that_were_given() -> None:
    tasks = build("boolean-blur", {"support": 12}).train(None).sample(1, torch.Generator().manual_seed(0))
    assert tasks.support_x.shape == (1, 12, 2)
