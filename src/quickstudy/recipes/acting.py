"""Learners that act: the settings of Mishra et al. (2018), section 4.2, and of Duan et al. (2016), section 3."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from quickstudy.baselines import UCB1, Thompson
from quickstudy.core import ActingLearner, Environment, Experiment, Optimisation, PolicyOptimisation
from quickstudy.learners import RL2, DecisionTransformer, SNAILPolicy
from quickstudy.tasks import Anything, Bandits, Mazes, MDPs, ShownTrials


@dataclass(frozen=True, kw_only=True)
class Arms:
    """The bandits of a training."""

    arms: int = 5
    """Arms of a bandit."""
    pulls: int = 10
    """Pulls of a trial."""
    rewards: Literal["bernoulli", "gaussian"] = "bernoulli"
    """Rewards of 0 or 1 with means that are uniform on [0, 1], or normal rewards with normal means."""

    def bandits(self) -> Bandits:
        """The distribution over bandits."""
        return Bandits(self.arms, self.pulls, self.rewards)


practice_optimisation = partial(Optimisation, tasks_per_step=256, learning_rate=3e-3, gradient_clip=1.0)
"""The schedule of learners that practise: one step is one batch of trials."""


def acting_experiment(
    learner: ActingLearner,
    trials: ShownTrials,
    optimisation: Optimisation,
    practice: PolicyOptimisation | None,
    title: str,
    *,
    in_own_trials: bool = False,
) -> Experiment:
    """Practise in an environment, or imitate what is shown. The weights with the highest reward are kept.

    Args:
        learner: The learner.
        trials: Trials in the environment, and what they show.
        optimisation: Optimiser and schedule.
        practice: How the learner learns from its own trials. None if it imitates.
        title: Title of the test.
        in_own_trials: Imitate in trials in which the learner itself acts.
    """
    return Experiment(
        learner=learner,
        train=lambda _: trials,
        validation=lambda _: trials,
        test={title: lambda _: trials},
        optimisation=optimisation,
        practice=practice,
        in_own_trials=in_own_trials,
        validate_every=100 if practice is not None else 500,
        validation_tasks=2_000,
        validate_by="trials",
    )


def bandit_snail(
    *,
    filters: int = 32,
    arms: Arms = Arms(),
    practice: PolicyOptimisation = PolicyOptimisation(),
    optimisation: Optimisation = practice_optimisation(steps=600, tasks_per_step=128, learning_rate=1e-3),
) -> Experiment:
    """SNAIL on bandits: it learns to explore, and then to pull the best arm.

    Args:
        filters: Filters of the policy's blocks. The value network has half as many.
        arms: The bandits.
        practice: How it learns from its own trials.
        optimisation: Optimiser and schedule.
    """
    environment = arms.bandits()
    learner = _snail(environment, filters)
    return acting_experiment(learner, ShownTrials(environment), optimisation, practice, _title(arms))


def bandit_rl2(
    *,
    units: int = 48,
    cell: Literal["gru", "lstm"] = "gru",
    arms: Arms = Arms(),
    practice: PolicyOptimisation = PolicyOptimisation(),
    optimisation: Optimisation = practice_optimisation(steps=600),
) -> Experiment:
    """RL² on bandits: a recurrent network that learns to explore.

    Args:
        units: Units of the policy's network and of the value network. The paper has 256.
        cell: Gated recurrent units, as in the paper, or an LSTM.
        arms: The bandits.
        practice: How it learns from its own trials.
        optimisation: Optimiser and schedule.
    """
    environment = arms.bandits()
    learner = RL2(arms.arms, environment.observation_shape, units=units, cell=cell)
    return acting_experiment(learner, ShownTrials(environment), optimisation, practice, _title(arms))


@dataclass(frozen=True, kw_only=True)
class Processes:
    """The Markov decision processes of a training."""

    states: int = 10
    """States of a process."""
    choices: int = 5
    """Actions in each state."""
    episode_length: int = 10
    """Steps of an episode."""
    episodes: int = 10
    """Episodes of a trial."""

    def processes(self) -> MDPs:
        """The distribution over processes."""
        return MDPs(self.states, self.choices, self.episode_length, self.episodes)


def mdp_snail(
    *,
    filters: int = 32,
    processes: Processes = Processes(),
    practice: PolicyOptimisation = PolicyOptimisation(),
    optimisation: Optimisation = practice_optimisation(steps=1_000, tasks_per_step=128, learning_rate=1e-3),
) -> Experiment:
    """SNAIL on random Markov decision processes: it finds out what actions lead to, and then makes use of it.

    Args:
        filters: Filters of the policy's blocks. The value network has half as many.
        processes: The processes.
        practice: How it learns from its own trials.
        optimisation: Optimiser and schedule.
    """
    environment = processes.processes()
    title = f"{processes.episodes} episodes, {processes.states} states"
    return acting_experiment(_snail(environment, filters), ShownTrials(environment), optimisation, practice, title)


@dataclass(frozen=True, kw_only=True)
class Labyrinths:
    """The mazes of a training."""

    cells: int = 3
    """Cells a side of a maze."""
    openings: float = 0.1
    """Share of the walls between cells that are taken away."""
    sight: int = 1
    """How many squares one sees in each direction."""
    episode_length: int = 40
    """Most steps of an episode."""
    episodes: int = 2
    """Episodes of a trial."""

    def mazes(self) -> Mazes:
        """The distribution over mazes."""
        return Mazes(self.cells, self.openings, self.sight, self.episode_length, self.episodes)


def maze_snail(
    *,
    filters: int = 32,
    labyrinths: Labyrinths = Labyrinths(),
    practice: PolicyOptimisation = PolicyOptimisation(trace=0.9),
    optimisation: Optimisation = practice_optimisation(steps=1_000, tasks_per_step=128, learning_rate=1e-3),
) -> Experiment:
    """SNAIL in mazes: it searches for the goal in the first episode, and goes straight to it in the second.

    Args:
        filters: Filters of the policy's blocks. The value network has half as many.
        labyrinths: The mazes.
        practice: How it learns from its own trials.
        optimisation: Optimiser and schedule.
    """
    environment = labyrinths.mazes()
    title = f"{labyrinths.episodes} episodes, {labyrinths.cells} cells a side"
    return acting_experiment(_snail(environment, filters), ShownTrials(environment), optimisation, practice, title)


imitation_optimisation = partial(
    Optimisation,
    steps=4_000,
    tasks_per_step=64,
    learning_rate=1e-3,
    warmup_steps=100,
    gradient_clip=1.0,
    average_decay=0.999,
)
"""The schedule of learners that imitate."""


def bandit_dpt(
    *,
    channels: int = 32,
    layers: int = 2,
    heads: int = 2,
    arms: Arms = Arms(pulls=20),
    optimisation: Optimisation = imitation_optimisation(),
) -> Experiment:
    """Decision-pretrained transformer on bandits: it is shown the best arm after any experience.

    Half of the trials are those of random actions, and half those of Thompson sampling.

    Args:
        channels: Channels of an item of the transformer.
        layers: Blocks of the transformer.
        heads: Heads of each attention.
        arms: The bandits.
        optimisation: Optimiser and schedule.
    """
    environment = arms.bandits()
    learner = DecisionTransformer(
        arms.arms, environment.observation_shape, channels=channels, num_layers=layers, num_heads=heads
    )
    actors = (partial(Anything, arms.arms), partial(Thompson, arms.arms, rewards=arms.rewards))
    return acting_experiment(learner, ShownTrials(environment, actors), optimisation, None, _title(arms))


def bandit_distillation(
    *,
    channels: int = 32,
    layers: int = 2,
    heads: int = 2,
    scale: float = 0.1,
    arms: Arms = Arms(pulls=20),
    optimisation: Optimisation = imitation_optimisation(),
) -> Experiment:
    """Algorithm distillation on bandits: a transformer is shown what UCB1 does, and learns to explore like it.

    Args:
        channels: Channels of an item of the transformer.
        layers: Blocks of the transformer.
        heads: Heads of each attention.
        scale: Factor of UCB1's bonus.
        arms: The bandits.
        optimisation: Optimiser and schedule.
    """
    environment = arms.bandits()
    learner = DecisionTransformer(
        arms.arms, environment.observation_shape, channels=channels, num_layers=layers, num_heads=heads
    )
    actors = (partial(UCB1, scale, arms.arms, rewards=arms.rewards),)
    return acting_experiment(learner, ShownTrials(environment, actors, "taken"), optimisation, None, _title(arms))


def _snail(environment: Environment, filters: int) -> SNAILPolicy:
    return SNAILPolicy(
        environment.num_actions,
        environment.observation_shape,
        num_steps=environment.num_steps,
        filters=filters,
        value_filters=max(1, filters // 2),
    )


def _title(arms: Arms) -> str:
    return f"{arms.pulls} pulls, {arms.arms} arms"
