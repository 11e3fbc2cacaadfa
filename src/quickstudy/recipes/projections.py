"""A transformer on randomly projected tasks: does it memorise them, or does it learn how to learn?"""

from typing import Any

from torch import nn

from quickstudy.core import Experiment, Optimisation, UserError
from quickstudy.core.optimisation import refuse_count
from quickstudy.learners import InContextTransformer
from quickstudy.tasks import Count, Layout, ProjectedPrototypes
from quickstudy.tasks.sampling import highest

HEADS = 4
"""Heads of each attention."""


def projections_transformer(
    *,
    distinct: int | None = None,
    ways: int = 5,
    shots: Count = (1, 5),
    side: int = 4,
    noise: float = 0.5,
    channels: int = 64,
    blocks: int = 2,
    hidden: int = 128,
    optimisation: Optimisation = Optimisation(
        steps=600, tasks_per_step=64, learning_rate=1e-3, warmup_steps=100, gradient_clip=1.0
    ),
) -> Experiment:
    """In-context transformer on projected classes with permuted labels, as in the paper on general-purpose learning.

    Args:
        distinct: Different tasks in training. With few of them the transformer memorises; None makes a new task each
            time.
        ways: Classes in a task.
        shots: Support examples of a class in training: one number, or a range to draw from in each step.
        side: Rows and columns of an input.
        noise: Standard deviation of a class around its prototype.
        channels: Channels of a token.
        blocks: Layers.
        hidden: Width between the two layers of a block's perceptron.
        optimisation: Optimiser and schedule.
    """
    for name, count in (("channels", channels), ("blocks", blocks), ("hidden", hidden)):
        refuse_count(name, count, 1)
    if channels % HEADS:
        raise UserError(f"channels = {channels} was given, but a multiple of {HEADS} was expected.")
    training, most = Layout(ways, shots, 2), Layout(ways, highest(shots), 5)
    given: dict[str, Any] = {"side": side, "noise": noise}
    seen, new = ProjectedPrototypes(most, distinct=distinct, **given), ProjectedPrototypes(most, **given)
    learner = InContextTransformer(
        nn.Flatten(-3),
        side**2,
        max_ways=ways,
        channels=channels,
        num_blocks=blocks,
        num_heads=HEADS,
        hidden=hidden,
        relabels=False,  # The labels of a task are part of what can be memorised.
    )
    return Experiment(
        learner=learner,
        train=lambda _: ProjectedPrototypes(training, distinct=distinct, **given),
        validation=lambda _: new,
        test={**({} if distinct is None else {"tasks of the training": lambda _: seen}), "new tasks": lambda _: new},
        optimisation=optimisation,
        validate_every=300,
        validation_tasks=200,
    )
