"""BLUR on Boolean functions: the setting of Sandler et al. (2021), with a random number of updates."""

from dataclasses import dataclass
from typing import Literal

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import BLUR
from quickstudy.tasks import BooleanPlane


@dataclass(frozen=True, kw_only=True)
class Units:
    """Neurons and synapses, and the genome that they share."""

    hidden: int = 24
    """Neurons of the hidden layer; a multiple of eight where signs are symmetric."""
    num_states: int = 2
    """States of each neuron and synapse."""
    start: Literal["random", "gradient"] = "random"
    """Start from a random genome, or near gradient descent."""
    synapse_scale: float = 1.0
    """Largest first synapse."""
    symmetric_signs: bool = True
    """Draw first synapses with which changed signs of inputs or answers change nothing else; the paper does not."""
    synapse_seed: int = 1
    """Decides the first synapses, which stay the same in training and at test."""


def boolean_blur(
    *,
    updates: tuple[int, int] = (1, 11),
    test_updates: int = 5,
    support: int = 128,
    units: Units = Units(),
    optimisation: Optimisation = Optimisation(steps=1_500, tasks_per_step=4, learning_rate=3e-3, gradient_clip=1.0),
) -> Experiment:
    """BLUR on Boolean functions: trained on xor and or, tested on functions that it never saw.

    Args:
        updates: Lowest and highest number of updates in a training step.
        test_updates: Updates at test.
        support: Points of the support, all of which each update reads.
        units: Neurons, synapses and genome.
        optimisation: Optimiser and schedule.
    """
    learner = BLUR(
        2,
        hidden=(units.hidden,),
        num_states=units.num_states,
        start=units.start,
        updates=updates,
        test_updates=test_updates,
        batch=128,
        synapse_scale=units.synapse_scale,
        seed=units.synapse_seed,
        symmetric_signs=units.symmetric_signs,
    )
    training = BooleanPlane(support=support)
    unseen = {name: BooleanPlane((name,), support=support) for name in ("and", "quadrant", "nxor")}
    return Experiment(
        learner=learner,
        train=lambda _: training,
        validation=lambda _: training,
        test={name: lambda _, tasks=tasks: tasks for name, tasks in unseen.items()},  # type: ignore[misc]
        optimisation=optimisation,
        validate_every=100,
        validation_tasks=100,
    )
