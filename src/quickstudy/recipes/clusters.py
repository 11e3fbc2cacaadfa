"""A transformer over kernels' evidence, trained on classes made without data."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import KernelTransformer
from quickstudy.tasks import ShapedClasses, ShapesLayout


def clusters_transformer(
    *,
    channels: int = 64,
    blocks: int = 2,
    heads: int = 4,
    hidden: int = 128,
    optimisation: Optimisation = Optimisation(
        steps=800, tasks_per_step=8, learning_rate=3e-3, warmup_steps=50, gradient_clip=1.0
    ),
) -> Experiment:
    """Kernel transformer for tables and for features of a frozen encoder.

    Args:
        channels: Channels of a token.
        blocks: Layers.
        heads: Heads of each attention.
        hidden: Width between the two layers of a block's perceptron.
        optimisation: How the weights are optimised.
    """
    return Experiment(
        learner=KernelTransformer(channels=channels, num_blocks=blocks, num_heads=heads, hidden=hidden),
        train=lambda _: ShapedClasses(),
        validation=lambda _: ShapedClasses(),
        test={
            f"5-way {shots}-shot": lambda _, shots=shots: ShapedClasses(  # type: ignore[misc]
                ShapesLayout(ways=(5, 5), shots=(shots, shots), uneven=0.0)
            )
            for shots in (1, 5)
        },
        optimisation=optimisation,
        validate_every=200,
        validation_tasks=80,
    )
