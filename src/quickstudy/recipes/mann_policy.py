"""MANN on bandits, beside the other learners that act."""

from quickstudy.core import Experiment, Optimisation, PolicyOptimisation
from quickstudy.learners import MANNPolicy
from quickstudy.recipes.acting import Arms, acting_experiment, practice_optimisation
from quickstudy.tasks import ShownTrials


def bandit_mann(
    *,
    hidden: int = 48,
    slots: int = 32,
    width: int = 16,
    heads: int = 1,
    arms: Arms = Arms(),
    practice: PolicyOptimisation = PolicyOptimisation(),
    optimisation: Optimisation = practice_optimisation(steps=600),
) -> Experiment:
    """MANN on bandits: it writes what each pull gave into a memory, and learns to explore.

    Args:
        hidden: Units of the controller, and of that of the value network.
        slots: Rows of a memory.
        width: Numbers in a row.
        heads: Keys in a step; each writes and reads.
        arms: The bandits.
        practice: How it learns from its own trials.
        optimisation: Optimiser and schedule.
    """
    environment = arms.bandits()
    learner = MANNPolicy(arms.arms, environment.observation_shape, hidden=hidden, slots=slots, width=width, heads=heads)
    title = f"{arms.pulls} pulls, {arms.arms} arms"
    return acting_experiment(learner, ShownTrials(environment), optimisation, practice, title)
