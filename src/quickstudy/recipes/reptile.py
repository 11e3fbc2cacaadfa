"""Reptile: the setting of Nichol, Achiam and Schulman (2018), appendix A."""

from typing import Literal

from quickstudy.core import Experiment
from quickstudy.learners import Reptile
from quickstudy.networks.functional import FunctionalConv4
from quickstudy.recipes.sources import (
    INK,
    Split,
    omniglot_episodes,
    omniglot_training,
    omniglot_validation,
    training_change,
)
from quickstudy.tasks import Layout


def omniglot_reptile(
    *,
    split: Split = "lake",
    ways: int = 5,
    examples: int = 10,
    inner_optimiser: Literal["adam", "sgd"] = "adam",
    inner_rate: float = 3e-3,
    head_rate: float | None = None,
    inner_steps: int = 5,
    batch_size: int = 10,
    test_steps: int = 50,
    test_batch_size: int = 5,
    transductive: bool = True,
    scales: bool = True,
    head_deviation: float = 0.1,
    channels: int = 64,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    generated: float = 0.0,
    tasks_per_step: int = 5,
    outer_rate: float = 1.0,
    steps: int = 16_000,
) -> Experiment:
    """Reptile on Omniglot: a convolutional network whose weights move to where training on tasks leads.

    The paper's setting is `--inner-rate 1e-3 --no-jitter --split vinyals --steps 100000`; for 20 ways it has `--ways 20
    --inner-rate 5e-4 --inner-steps 10 --batch-size 20 --test-batch-size 10`.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        ways: Classes in an episode, in training and test alike.
        examples: Drawings of each class in training, which has no queries; whatever the shots of the test.
        inner_optimiser: What trains on a task: Adam, as in the paper's figures, or plain descent, as in its theory.
        inner_rate: Of training on a task; the paper has 1e-3. Plain descent wants some 0.2.
        head_rate: The same for the last layer alone, if it is to be another.
        inner_steps: Of training on a task.
        batch_size: Drawings in one of them.
        test_steps: The same at test, on the support.
        test_batch_size: Drawings in one of them.
        transductive: At test, normalise queries among themselves, or each beside the support alone.
        scales: Scale normalised maps too, as the authors' code does.
        head_deviation: Of the last layer's first weights.
        channels: Of each convolution.
        jitter: Turn, shift and scale every training image a little.
        distortion: Strength of elastic distortion of training images, used instead of jitter; 1 is `Augmentation`.
        final: Train on the validation alphabets too; leave it out to tune.
        generated: Share of steps whose characters are generated, new ones every time.
        tasks_per_step: Tasks in one outer step, all of them at once.
        outer_rate: How far the weights move towards where they led (ε), at its highest.
        steps: Outer steps; the paper has 100,000.
    """
    layout = Layout(ways, 1, examples - 1, jitter=training_change(jitter, distortion))
    return Experiment(
        learner=Reptile(
            FunctionalConv4(ways, pooling="none", channels=channels, scales=scales, head_deviation=head_deviation),
            inner_optimiser=inner_optimiser,
            inner_rate=inner_rate,
            head_rate=head_rate,
            inner_steps=inner_steps,
            batch_size=batch_size,
            test_steps=test_steps,
            test_batch_size=test_batch_size,
            is_transductive=transductive,
        ),
        train=omniglot_training(split, final, layout, generated=generated),
        validation=omniglot_validation(split, final, Layout(ways, 1, 5)),
        test={f"{ways}-way {k}-shot": omniglot_episodes(split, "test", Layout(ways, k)) for k in (1, 5)},
        steps=steps,
        tasks_per_step=tasks_per_step,
        optimiser="sgd",
        learning_rate=outer_rate,
        validation_tasks=100,
        input_range=INK,
        data="omniglot",
    )
