"""A transformer on randomly projected tasks: does it memorise them, or does it learn how to learn?"""

from collections.abc import Callable
from pathlib import Path

from torch import nn

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import InContextTransformer
from quickstudy.tasks import Layout, ProjectedPrototypes


def projections_transformer(
    *,
    distinct: int | None = None,
    ways: int = 5,
    shots: tuple[int, int] = (1, 5),
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
        shots: Lowest and highest number of support examples of a class.
        side: Rows and columns of an input.
        noise: Standard deviation of a class around its prototype.
        channels: Channels of a token.
        blocks: Layers.
        hidden: Width between the two layers of a block's perceptron.
        optimisation: Optimiser and schedule.
    """
    learner = InContextTransformer(
        nn.Flatten(-3),
        side**2,
        max_ways=ways,
        channels=channels,
        num_blocks=blocks,
        num_heads=4,
        hidden=hidden,
        relabels=False,  # The labels of a task are part of what can be memorised.
    )

    def tasks(layout: Layout, distinct: int | None = None) -> Callable[[Path | None], ProjectedPrototypes]:
        return lambda _: ProjectedPrototypes(layout, distinct=distinct, side=side, noise=noise)

    most = Layout(ways, shots[1], 5)
    return Experiment(
        learner=learner,
        train=tasks(Layout(ways, shots, 2), distinct),
        validation=tasks(most),
        test={
            **({} if distinct is None else {"tasks of the training": tasks(most, distinct)}),
            "new tasks": tasks(most),
        },
        optimisation=optimisation,
        validate_every=300,
        validation_tasks=200,
    )
