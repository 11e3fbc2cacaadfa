"""MAML: the settings of Finn, Abbeel and Levine (2017), sections 5.1 and 5.2."""

from typing import Literal

from quickstudy.core import Experiment
from quickstudy.learners import MAML
from quickstudy.networks.functional import FunctionalConv4, FunctionalPerceptron
from quickstudy.recipes.sources import (
    INK,
    Split,
    omniglot_episodes,
    omniglot_training,
    omniglot_validation,
    training_change,
)
from quickstudy.tasks import Layout, PointLayout, Sinusoids

_WIDTHS = (256, 128, 64, 64)


def omniglot_maml(
    *,
    split: Split = "lake",
    ways: int = 5,
    shots: int = 1,
    queries: int = 1,
    inner_rate: float = 0.1,
    inner_steps: int = 1,
    test_steps: int = 3,
    first_order: bool = False,
    adapts: Literal["all layers", "head"] = "all layers",
    learns_rates: bool = False,
    transductive: bool = True,
    scales: bool = False,
    head_deviation: float = 0.0,
    channels: int = 64,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    generated: float = 0.0,
    copies: int = 0,
    tasks_per_step: int = 16,
    learning_rate: float = 3e-3,
    average_decay: float | None = 0.999,
    steps: int = 12_000,
) -> Experiment:
    """MAML on Omniglot: a convolutional network whose weights are trained for each task, of a fixed number of ways.

    The levers are for minutes on a CPU; the paper's setting is `--inner-rate 0.4 --head-deviation 1 --tasks-per-step 32
    --learning-rate 1e-3 --no-jitter --split vinyals --steps 60000`, and for 20 ways `--ways 20 --inner-rate 0.1
    --inner-steps 5 --test-steps 5 --tasks-per-step 16`.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        ways: Classes in an episode, in training and test alike.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training; the authors' code has as many as there are shots.
        inner_rate: Of gradient descent on the support, whose loss is the sum over the classes; the paper has 0.4.
        inner_steps: Of gradient descent, in training.
        test_steps: The same at test.
        first_order: Take the inner gradients for constants, which saves half of the arithmetic.
        adapts: The head alone is ANIL.
        learns_rates: An inner rate for each weight, trained with it (Meta-SGD).
        transductive: Normalise queries among themselves, as in the paper, or each beside the support alone.
        scales: Scale normalised maps too; the authors' code shifts them only.
        head_deviation: Of the last layer's first weights; from zero, the first inner step makes it of the features.
        channels: Of each convolution.
        jitter: Turn, shift and scale every training image a little.
        distortion: Strength of elastic distortion of training images, used instead of jitter; 1 is `Augmentation`.
        final: Train on the validation alphabets too; leave it out to tune.
        generated: Share of steps whose characters are generated, new ones every time.
        copies: Warped copies of each class; all drawings of a copy are warped in the same way, so it is a new class.
        tasks_per_step: Episodes in one optimiser step, all of them at once.
        learning_rate: Of Adam, at its highest.
        average_decay: Decay a step of the moving average of the weights.
        steps: Optimiser steps; the paper has 60,000.
    """
    layout = Layout(ways, shots, queries, jitter=training_change(jitter, distortion))
    return Experiment(
        learner=MAML(
            FunctionalConv4(ways, channels=channels, scales=scales, head_deviation=head_deviation),
            inner_rate=inner_rate,
            inner_steps=inner_steps,
            test_steps=test_steps,
            first_order=first_order,
            adapts=adapts,
            learns_rates=learns_rates,
            is_transductive=transductive,
        ),
        train=omniglot_training(split, final, layout, generated=generated, copies=copies),
        validation=omniglot_validation(split, final, Layout(ways, 1, 5)),
        test={f"{ways}-way {k}-shot": omniglot_episodes(split, "test", Layout(ways, k)) for k in (1, 5)},
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=100,
        gradient_clip=10.0,
        average_decay=average_decay,
        validation_tasks=200,
        input_range=INK,
        data="omniglot",
    )


def omniglot_maml_dense(
    *,
    split: Split = "lake",
    ways: int = 5,
    shots: int = 1,
    queries: int = 1,
    inner_rate: float = 0.1,
    inner_steps: int = 1,
    test_steps: int = 3,
    first_order: bool = False,
    adapts: Literal["all layers", "head"] = "all layers",
    transductive: bool = True,
    scales: bool = False,
    head_deviation: float = 0.1,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    generated: float = 0.0,
    copies: int = 0,
    tasks_per_step: int = 16,
    learning_rate: float = 3e-3,
    average_decay: float | None = 0.999,
    steps: int = 30_000,
) -> Experiment:
    """MAML on Omniglot without convolutions, as the paper has it for the comparison with MANN.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        ways: Classes in an episode, in training and test alike.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training.
        inner_rate: Of gradient descent on the support, whose loss is the sum over the classes.
        inner_steps: Of gradient descent, in training.
        test_steps: The same at test.
        first_order: Take the inner gradients for constants.
        adapts: The head alone is ANIL.
        transductive: Normalise queries among themselves, as in the paper, or each beside the support alone.
        scales: Scale normalised numbers too; the authors' code shifts them only.
        head_deviation: Of the last layer's first weights.
        jitter: Turn, shift and scale every training image a little.
        distortion: Strength of elastic distortion of training images, used instead of jitter; 1 is `Augmentation`.
        final: Train on the validation alphabets too; leave it out to tune.
        generated: Share of steps whose characters are generated, new ones every time.
        copies: Warped copies of each class; all drawings of a copy are warped in the same way, so it is a new class.
        tasks_per_step: Episodes in one optimiser step, all of them at once.
        learning_rate: Of Adam, at its highest.
        average_decay: Decay a step of the moving average of the weights.
        steps: Optimiser steps; the paper has 60,000.
    """
    layout = Layout(ways, shots, queries, jitter=training_change(jitter, distortion))
    return Experiment(
        learner=MAML(
            FunctionalPerceptron(784, _WIDTHS, ways, scales=scales, head_deviation=head_deviation),
            inner_rate=inner_rate,
            inner_steps=inner_steps,
            test_steps=test_steps,
            first_order=first_order,
            adapts=adapts,
            is_transductive=transductive,
        ),
        train=omniglot_training(split, final, layout, generated=generated, copies=copies),
        validation=omniglot_validation(split, final, Layout(ways, 1, 5)),
        test={f"{ways}-way {k}-shot": omniglot_episodes(split, "test", Layout(ways, k)) for k in (1, 5)},
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=100,
        gradient_clip=10.0,
        average_decay=average_decay,
        input_range=INK,
        data="omniglot",
    )


def sinusoid_maml(
    *,
    shots: int = 10,
    queries: int = 10,
    inner_rate: float = 0.01,
    inner_steps: int = 1,
    test_steps: int = 10,
    first_order: bool = False,
    learns_rates: bool = False,
    tasks_per_step: int = 25,
    learning_rate: float = 1e-3,
    steps: int = 20_000,
) -> Experiment:
    """MAML on waves of random amplitude and phase, a perceptron of two hidden layers of 40.

    Args:
        shots: Points of each wave whose values are given.
        queries: Points whose values are asked for.
        inner_rate: Of gradient descent on the support's mean squared error.
        inner_steps: Of gradient descent, in training.
        test_steps: The same at test.
        first_order: Take the inner gradients for constants.
        learns_rates: An inner rate for each weight, trained with it (Meta-SGD).
        tasks_per_step: Waves in one optimiser step, all of them at once.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps; the paper has 70,000.
    """

    training, many_points = PointLayout(shots, queries, -5.0, 5.0), PointLayout(shots, 100, -5.0, 5.0)
    return Experiment(
        learner=MAML(
            FunctionalPerceptron(1, (40, 40), 1, normalises=False, head_deviation=0.1),
            answers="values",
            inner_rate=inner_rate,
            inner_steps=inner_steps,
            test_steps=test_steps,
            first_order=first_order,
            learns_rates=learns_rates,
        ),
        train=lambda _: Sinusoids(training),
        validation=lambda _: Sinusoids(many_points),
        test={f"{shots} points": lambda _: Sinusoids(many_points)},
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=100,
        gradient_clip=10.0,
        average_decay=0.999,
        validate_every=1_000,
        validate_by="functions",
    )
