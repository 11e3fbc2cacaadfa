"""MAML with policy gradients on point navigation: Finn, Abbeel and Levine (2017), section 5.3."""

from dataclasses import dataclass

from quickstudy.core import Experiment, Optimisation, PolicyOptimisation
from quickstudy.learners import PolicyMAML
from quickstudy.recipes.acting import acting_experiment, practice_optimisation
from quickstudy.tasks import Navigation, ShownTrials


@dataclass(frozen=True, kw_only=True)
class Squares:
    """The squares of a training."""

    episode_length: int = 10
    """Steps of an episode."""
    practice_episodes: int = 20
    """Episodes before the gradient step."""
    later_episodes: int = 20
    """Episodes after it."""

    def navigation(self) -> Navigation:
        """The distribution over squares."""
        return Navigation(self.episode_length, self.practice_episodes, self.later_episodes)


def navigation_maml(
    *,
    units: int = 64,
    inner_rate: float = 0.1,
    first_order: bool = False,
    squares: Squares = Squares(),
    practice: PolicyOptimisation = PolicyOptimisation(trace=1.0, epochs=3, entropy=0.0),
    optimisation: Optimisation = practice_optimisation(steps=300, tasks_per_step=40, learning_rate=3e-3),
) -> Experiment:
    """MAML with policy gradients: one gradient step on twenty episodes finds the way to a goal that is not seen.

    The paper's episodes have up to 100 steps, and its network 100 units: `--episode-length 100 --units 100`.

    Args:
        units: Units of each of the two hidden layers.
        inner_rate: Rate of the gradient step.
        first_order: Treat the inner gradient as a constant in the outer loop.
        squares: The squares with their goals.
        practice: How the weights before the gradient step are trained.
        optimisation: Optimiser and schedule.
    """
    environment = squares.navigation()
    learner = PolicyMAML(
        environment.num_actions,
        environment.observation_shape,
        episodes=squares.practice_episodes,
        units=units,
        inner_rate=inner_rate,
        discount=practice.discount,
        first_order=first_order,
    )
    title = f"{squares.practice_episodes} episodes, a gradient step, {squares.later_episodes} episodes"
    return acting_experiment(learner, ShownTrials(environment), optimisation, practice, title)
