"""Trials that a learner is shown: somebody acts, and at each step there is an action to imitate.

Lee et al., "Supervised Pretraining Can Learn In-Context Reinforcement Learning" (NeurIPS 2023) show the best action;
Laskin et al., "In-context Reinforcement Learning with Algorithm Distillation" (ICLR 2023) show what a learning
algorithm did.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, Normal

from quickstudy.core import (
    ActsByValues,
    Agent,
    Environment,
    Experience,
    Tasks,
    UserError,
    categorical,
    independent,
    play,
)
from quickstudy.core.distributions import sampled
from quickstudy.core.optimisation import refuse_kind

Shows = Literal["best", "taken", "advised"]


@dataclass(frozen=True)
class ShownTrials:
    """Trials in an environment: the support is a trial, and the answers are actions to imitate at each of its steps.

    Args:
        environment: draws the worlds.
        actors: make from a generator those who act, in turn from step to step of a training. With none, actions are
            random.
        shows: "best" shows at each step what one would do who knows the world; "taken" shows what was done; "advised"
            shows what a rule would do after the same experience.
        rule: makes that rule from a generator.

    Raises:
        UserError: if there is nothing to show.
    """

    environment: Environment
    actors: tuple[Callable[[torch.Generator], Agent], ...] = ()
    shows: Shows = "best"
    rule: Callable[[torch.Generator], Agent] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be shown."""
        refuse_kind("shows", self.shows, ("best", "taken", "advised"))
        if (self.rule is None) == (self.shows == "advised"):
            raise UserError('A rule was expected with shows="advised", and only there.')

    @property
    def device(self) -> torch.device:
        """That of the environment."""
        return self.environment.device

    def to(self, device: torch.device | str) -> "ShownTrials":
        """The same trials on another device.

        Args:
            device: the new device.
        """
        return replace(self, environment=self.environment.to(device))

    def acted_by(self, agent: Agent) -> "ShownTrials":
        """The same trials, with another agent that acts in them.

        Ross, Gordon and Bagnell, "A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
        Learning" (AISTATS 2011): a learner that is shown what to do in its own trials learns what to do after its own
        mistakes. Where a rule gives advice, it acts itself in half of the steps of the training: there is more to
        learn in good trials at first.

        Args:
            agent: acts.
        """

        def own(_: torch.Generator) -> Agent:
            return agent

        return replace(self, actors=(own,) if self.rule is None else (own, self.rule))

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Let one of the actors act in T worlds.

        Observations are support and query: the answer to query l is given with the l steps before it.

        Args:
            num_tasks: T.
            generator: the source of random numbers.
        """
        trials = play(self._actor(generator), self.environment, num_tasks, generator)
        observation, action, reward, ended = trials.experience
        action_TLA = action.to(reward.dtype).view(*reward.shape, -1)
        support_y = torch.cat([action_TLA, reward[..., None], ended[..., None].to(reward.dtype)], dim=-1)
        if self.rule is not None:
            shown = advised(self.rule(generator), trials.experience, generator)
        else:
            shown = trials.best_action if self.shows == "best" else action
        return Tasks(observation, support_y, observation, shown)

    def _actor(self, generator: torch.Generator) -> Agent:
        if not self.actors and isinstance(self.environment, ActsByValues):
            return RandomMoves(self.environment.num_actions, self.environment.largest_action, generator)
        if not self.actors:
            return Anything(self.environment.num_actions, generator)
        index = torch.randint(len(self.actors), (), generator=generator, device=generator.device)
        return self.actors[int(index)](generator)


def advised(rule: Agent, experience: Experience, generator: torch.Generator) -> Tensor:
    """What a rule would do at each step of trials in which another agent acted, (T, L).

    Args:
        rule: gives advice after the same experience.
        experience: whole trials.
        generator: decides what the rule leaves to chance.
    """
    state, found = rule.prior(len(experience.action)), []
    for step in range(experience.action.shape[1]):
        now = Experience(*(field[:, step : step + 1] for field in experience))
        found.append(sampled(rule.predict(state, now.observation), generator))
        state = rule.extend(state, now)
    return torch.cat(found, dim=1)


class Decided:
    """Does what a rule does, and of equally probable actions always the first one.

    The arms of a bandit are exchangeable, and so are untried actions. So this costs no reward, and what is shown has no
    noise.

    Args:
        agent: the rule.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def prior(self, num_tasks: int) -> Any:
        """That of the rule.

        Args:
            num_tasks: T.
        """
        return self.agent.prior(num_tasks)

    def predict(self, state: Any, observation: Tensor) -> Categorical:
        """The first of the rule's most probable actions.

        Args:
            state: that of the rule.
            observation: (T, Q, *observation).
        """
        answer: Any = self.agent.predict(state, observation)
        logits_TQA = answer.logits
        first_TQ1 = logits_TQA.argmax(dim=-1, keepdim=True)
        return categorical(torch.full_like(logits_TQA, -torch.inf).scatter(-1, first_TQ1, 0.0))

    def extend(self, state: Any, experience: Experience) -> Any:
        """The rule learns.

        Args:
            state: that of the rule.
            experience: further steps.
        """
        return self.agent.extend(state, experience)


class Anything:
    """In each task some actions are more probable than others: the probabilities are uniform over the simplex.

    Args:
        num_actions: A.
        generator: the source of random numbers.
    """

    def __init__(self, num_actions: int, generator: torch.Generator) -> None:
        self.num_actions, self.generator = num_actions, generator

    def prior(self, num_tasks: int) -> Tensor:
        """Logits of the actions, (T, A).

        Args:
            num_tasks: T.
        """
        weights = torch.empty(num_tasks, self.num_actions, device=self.generator.device)
        return weights.exponential_(generator=self.generator).log()

    def predict(self, state: Any, observation: Tensor) -> Categorical:
        """The same probabilities at all times.

        Args:
            state: logits (T, A).
            observation: (T, Q, *observation).
        """
        return categorical(state[:, None].expand(-1, observation.shape[1], -1))

    def extend(self, state: Any, experience: Experience) -> Any:
        """Nothing is learned.

        Args:
            state: logits (T, A).
            experience: further steps.
        """
        return state


class RandomMoves:
    """Actions that are values are drawn from one normal distribution around zero, at all times.

    Args:
        num_values: how many numbers an action has, A.
        deviation: standard deviation of each.
        generator: decides on which device means are made; all tasks have the same ones.
    """

    def __init__(self, num_values: int, deviation: float, generator: torch.Generator) -> None:
        self.num_values, self.deviation, self.generator = num_values, deviation, generator

    def prior(self, num_tasks: int) -> Tensor:
        """The mean action, (T, A).

        Args:
            num_tasks: T.
        """
        return torch.zeros(num_tasks, self.num_values, device=self.generator.device)

    def predict(self, state: Any, observation: Tensor) -> Independent:
        """The same distribution at all times.

        Args:
            state: mean actions (T, A).
            observation: (T, Q, *observation).
        """
        mean_TQA = state[:, None].expand(-1, observation.shape[1], -1)
        return independent(Normal(mean_TQA, self.deviation))

    def extend(self, state: Any, experience: Experience) -> Any:
        """Nothing is learned.

        Args:
            state: mean actions (T, A).
            experience: further steps.
        """
        return state
