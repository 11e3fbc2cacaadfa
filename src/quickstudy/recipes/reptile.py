"""Reptile: the setting of Nichol, Achiam and Schulman (2018), appendix A."""

from typing import Literal

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import Reptile
from quickstudy.networks.functional import FunctionalConv4
from quickstudy.recipes._episodes import fixed_way_experiment
from quickstudy.sources import EpisodeCharacters
from quickstudy.tasks import Layout


def omniglot_reptile(
    *,
    ways: int = 5,
    examples: int = 10,
    inner_optimiser: Literal["adam", "sgd"] = "sgd",
    inner_rate: float = 0.2,
    head_rate: float | None = None,
    inner_steps: int = 10,
    batch_size: int = 10,
    test_steps: int = 20,
    test_batch_size: int = 5,
    is_transductive: bool = True,
    scales: bool = True,
    head_deviation: float = 0.0,
    channels: int = 64,
    characters: EpisodeCharacters = EpisodeCharacters(generated=0.2),
    optimisation: Optimisation = Optimisation(steps=800, tasks_per_step=5, learning_rate=0.05, optimiser="sgd"),
) -> Experiment:
    """Reptile on Omniglot: the weights of a convolutional network move towards weights that were trained on tasks.

    It starts from features of ANIL. The learning rate is the paper's ε. The paper's setting is `--start-from none
    --inner-optimiser adam --inner-rate 1e-3 --inner-steps 5 --test-steps 50 --head-deviation 0.1 --learning-rate 1
    --no-jitter --generated 0 --split vinyals --steps 100000`; for 20 ways it has `--ways 20 --inner-rate 5e-4
    --inner-steps 10 --batch-size 20 --test-batch-size 10`.

    Args:
        ways: Classes in an episode, in training and in test.
        examples: Drawings of each class in training, which has no queries; independent of the shots of the test.
        inner_optimiser: Optimiser on a task: Adam, as in the paper's figures, or gradient descent, as in its theory.
        inner_rate: Learning rate on a task; the paper's Adam has 1e-3.
        head_rate: Learning rate of the last layer on a task; None uses the inner rate.
        inner_steps: Steps on a task in training.
        batch_size: Drawings in one of these steps.
        test_steps: Steps on the support at test.
        test_batch_size: Drawings in one of these steps.
        is_transductive: At test, normalise queries among themselves; switched off, each query with the support alone.
        scales: Scale normalised maps too, as the authors' code does.
        head_deviation: Standard deviation of the last layer's first weights.
        channels: Channels of each convolution.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    learner = Reptile(
        FunctionalConv4(ways, pooling="none", channels=channels, scales=scales, head_deviation=head_deviation),
        inner_optimiser=inner_optimiser,
        inner_rate=inner_rate,
        head_rate=head_rate,
        inner_steps=inner_steps,
        batch_size=batch_size,
        test_steps=test_steps,
        test_batch_size=test_batch_size,
        is_transductive=is_transductive,
    )
    return fixed_way_experiment(
        learner,
        Layout(ways, 1, examples - 1),
        characters,
        optimisation,
        validation_tasks=100,
        starts_from="omniglot-anil",
    )
