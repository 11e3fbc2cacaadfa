"""Learners that act as somebody shows them: rules that explore well, or who knows the world.

Laskin et al., "In-context Reinforcement Learning with Algorithm Distillation" (ICLR 2023): a learner that imitates an
algorithm explores as it does. Ross, Gordon and Bagnell, "A Reduction of Imitation Learning and Structured Prediction to
No-Regret Online Learning" (AISTATS 2011): in its own trials, it learns what to do after its own mistakes. Both take
fewer trials than practice, which must find out from rewards what was good.
"""

import torch

from quickstudy.baselines import UCB1, MazeSearch, ShortSighted, Sizes
from quickstudy.core import ActingLearner, Agent, Experiment, Optimisation
from quickstudy.core.recipe_options import variant
from quickstudy.learners import RL2, SNAILPolicy
from quickstudy.recipes.acting import Arms, Labyrinths, Processes, acting_experiment
from quickstudy.tasks import Decided, ShownTrials


def shown_optimisation(*, steps: int, tasks_per_step: int = 128, learning_rate: float = 5e-3) -> Optimisation:
    """The schedule of recurrent networks that imitate.

    Args:
        steps: Optimiser steps.
        tasks_per_step: Tasks in one step.
        learning_rate: Highest learning rate.
    """
    return Optimisation(
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=50,
        gradient_clip=1.0,
        average_decay=0.99,
    )


def bandit_snail_shown(
    *,
    filters: int = 32,
    arms: Arms = Arms(),
    optimisation: Optimisation = shown_optimisation(steps=300, learning_rate=2e-3),
) -> Experiment:
    """SNAIL that imitates UCB1 on bandits.

    Args:
        filters: Filters of its blocks.
        arms: The bandits.
        optimisation: Optimiser and schedule.
    """
    environment = arms.bandits()
    learner = SNAILPolicy(
        arms.arms, environment.observation_shape, num_steps=arms.pulls, filters=filters, has_value=False
    )
    return _ucb1_experiment(learner, arms, optimisation)


def bandit_rl2_shown(
    *,
    units: int = 64,
    own_trials: bool = True,
    arms: Arms = Arms(pulls=100),
    optimisation: Optimisation = shown_optimisation(steps=2_000),
) -> Experiment:
    """RL² that imitates UCB1 on bandits.

    In long trials of UCB1, who repeats the last action is mostly right, and learns little else. So in half of the steps
    of the training the learner acts itself, and is shown what UCB1 would do.

    Args:
        units: Units of the recurrent network.
        own_trials: The learner acts in half of the steps. Otherwise UCB1 always does.
        arms: The bandits.
        optimisation: Optimiser and schedule.
    """
    environment = arms.bandits()
    learner = RL2(arms.arms, environment.observation_shape, units=units, has_value=False)
    return _ucb1_experiment(learner, arms, optimisation, own_trials=own_trials)


bandit_rl2_shown_50_arms = variant(
    "bandit_rl2_shown_50_arms",
    bandit_rl2_shown,
    "RL² that imitates UCB1: 10 pulls of 50 arms.",
    arms=50,
    pulls=10,
    steps=1_500,
    own_trials=False,
)


def mdp_snail_shown(
    *,
    filters: int = 32,
    reach: int = 4,
    processes: Processes = Processes(),
    optimisation: Optimisation = shown_optimisation(steps=650, tasks_per_step=64, learning_rate=4e-3),
) -> Experiment:
    """SNAIL on random Markov decision processes, shown the action with the highest posterior mean reward.

    The convolutions read a few steps, and attention reads all. So a step costs less than in the paper's network.

    Args:
        filters: Filters of its blocks.
        reach: How many steps back each block of convolutions reads. In the paper, all of them.
        processes: The processes.
        optimisation: Optimiser and schedule.
    """
    environment = processes.processes()
    learner = SNAILPolicy(
        environment.num_actions,
        environment.observation_shape,
        num_steps=reach,
        filters=filters,
        has_value=False,
    )
    sizes = Sizes(processes.states, processes.choices, processes.episode_length)

    def rule(generator: torch.Generator) -> Agent:
        return ShortSighted(sizes, generator, prior_mean=1.0, ties="first")

    title = f"{processes.episodes} episodes, {processes.states} states"
    return acting_experiment(learner, ShownTrials(environment, (rule,), "taken"), optimisation, None, title)


def maze_rl2(
    *,
    units: int = 128,
    labyrinths: Labyrinths = Labyrinths(),
    optimisation: Optimisation = shown_optimisation(steps=1_500),
) -> Experiment:
    """RL² that imitates a search of mazes, and then the shortest known way.

    In half of the steps of the training the learner acts itself, and is shown what the search would do. (A shortest way
    is a poor teacher in the first episode, where nobody can know it.)

    Args:
        units: Units of the recurrent network.
        labyrinths: The mazes.
        optimisation: Optimiser and schedule.
    """
    environment = labyrinths.mazes()
    learner = RL2(environment.num_actions, environment.observation_shape, units=units, has_value=False)

    def rule(generator: torch.Generator) -> Agent:
        return MazeSearch(labyrinths.cells, labyrinths.sight, generator)

    trials = ShownTrials(environment, (), "advised", rule)
    title = f"{labyrinths.episodes} episodes, {labyrinths.cells} cells a side"
    return acting_experiment(learner, trials, optimisation, None, title, in_own_trials=True)


def _ucb1_experiment(
    learner: ActingLearner, arms: Arms, optimisation: Optimisation, *, own_trials: bool = False
) -> Experiment:
    def rule(generator: torch.Generator) -> Agent:
        return Decided(UCB1(0.1, arms.arms, generator, arms.rewards))

    bandits = arms.bandits()
    trials = ShownTrials(bandits, (), "advised", rule) if own_trials else ShownTrials(bandits, (rule,), "taken")
    title = f"{arms.pulls} pulls, {arms.arms} arms"
    return acting_experiment(learner, trials, optimisation, None, title, in_own_trials=own_trials)
