"""The reward of trials: a learner that acts beside the rules that need no training, in the same worlds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from quickstudy.baselines import (
    OPSRL,
    PSRL,
    UCB1,
    UCRL2,
    EpsilonGreedy,
    EpsilonGreedyPlanner,
    Gittins,
    Greedy,
    GreedyPlanner,
    MazeSearch,
    OptimisticThompson,
    RandomArm,
    RandomChoice,
    ShortSighted,
    Sizes,
    Thompson,
)
from quickstudy.core import Agent, Environment, HasEnvironment, TaskDistribution, Trials, UserError
from quickstudy.evaluation import Interval, evaluate_trials, provenance
from quickstudy.protocols.measuring import Progress, shown_by
from quickstudy.protocols.weights import Weights
from quickstudy.tasks import PUBLISHED_NORMALISER, Anything, Bandits, Mazes, MDPs, Navigation, RandomMoves

LEARNER, OPTIMUM = "this learner", "knows the task"
"""Names of rows, beside those of the rules."""


@dataclass(frozen=True, kw_only=True)
class TrialOptions:
    """In which trials to evaluate."""

    tasks: int = 1000
    """Trials of each row; every row has the same worlds."""
    seed: int = 0
    """Decides the worlds and what happens in them."""
    device: str = "cpu"
    """Device to compute on, as torch names it."""


@dataclass(frozen=True)
class TrialTable:
    """Figures of the learner and of the rules beside it."""

    figures: Mapping[str, Mapping[str, Interval]]
    """By row, then by name of the figure. The first row is the learner."""
    curves: Mapping[str, Tensor]
    """By row: the mean reward at each step, (L,)."""
    regrets: Mapping[str, Tensor]
    """By row: the mean regret of each step, (L,). Bandits alone have one."""
    trials: Trials
    """A batch of the learner's trials."""
    environment: Environment
    """Where the trials were."""
    tasks: int
    """Trials of each row."""


@dataclass(frozen=True)
class TrialResult:
    """What was measured."""

    weights: Weights
    """What was evaluated."""
    options: TrialOptions
    """In which trials."""
    tables: Mapping[str, TrialTable]
    """By title of the test."""

    @property
    def title(self) -> str:
        """Which weights."""
        return f"{self.weights.name} in worlds it has never seen"

    def record(self) -> dict[str, Any]:
        """The figures and where they were made, for JSON."""
        records = trial_records(self.tables, self.weights.recipe, self.options.seed)
        return {"test": records, "seed": self.options.seed, "tasks": self.options.tasks, **provenance()}


def measure_trials(weights: Weights, options: TrialOptions, progress: Progress | None = None) -> TrialResult:
    """Let a learner act in the worlds of its recipe's tests, and the rules in the same worlds.

    Args:
        weights: of a learner that acts.
        options: how many worlds, and which.
        progress: called with the row and the number of trials that are done.

    Raises:
        UserError: if the learner does not act.
    """
    learner: Any = weights.learner.to(options.device)
    tables = {
        title: trial_table(learner, source(None).to(options.device), options.tasks, options.seed, progress)
        for title, source in weights.experiment.test.items()
    }
    return TrialResult(weights, options, tables)


def trial_table(
    learner: Agent, tasks: TaskDistribution, num_tasks: int, seed: int, progress: Progress | None = None
) -> TrialTable:
    """Figures of a learner and of the rules.

    Args:
        learner: acts.
        tasks: trials in an environment.
        num_tasks: trials of each row.
        seed: decides the worlds and what happens in them.
        progress: called with the row and the number of trials that are done.

    Raises:
        UserError: if the tasks are not trials in an environment.
    """
    if not isinstance(tasks, HasEnvironment):
        raise UserError(f"{type(tasks).__name__} was given, but trials in an environment were expected.")
    environment = tasks.environment
    agents: dict[str, Agent | None] = {LEARNER: learner, **rules(environment, seed)}
    found = {
        name: evaluate_trials(agent, environment, num_tasks, seed, shown_by(progress, name))
        for name, agent in agents.items()
    }
    return TrialTable(
        {name: figures(environment, trials) for name, trials in found.items()},
        {name: _curve(trials) for name, trials in found.items()},
        {name: _regret(environment, trials) for name, trials in found.items() if isinstance(environment, Bandits)},
        found[LEARNER][0],
        environment,
        num_tasks,
    )


def rules(environment: Environment, seed: int) -> dict[str, Agent | None]:
    """The rules for an environment, by name, each with a good setting. None is who knows the world.

    Args:
        environment: decides which rules there are.
        seed: decides what rules leave to chance.
    """
    chance = torch.Generator(environment.device).manual_seed(seed)
    if isinstance(environment, Bandits):
        return {**_bandit_rules(environment, chance), OPTIMUM: None}
    if isinstance(environment, MDPs):
        return {**_planners(environment, chance), OPTIMUM: None}
    if isinstance(environment, Navigation):
        return {"random": RandomMoves(environment.num_actions, environment.largest_action, chance), OPTIMUM: None}
    found: dict[str, Agent | None] = {"random": Anything(environment.num_actions, chance)}
    if isinstance(environment, Mazes):
        found["searches, then goes straight"] = MazeSearch(environment.cells, environment.sight, chance)
    return {**found, OPTIMUM: None}


def _bandit_rules(bandits: Bandits, chance: torch.Generator) -> dict[str, Agent | None]:
    arms, rewards = bandits.num_arms, bandits.rewards
    found: dict[str, Agent | None] = {
        "random": RandomArm(arms, chance, rewards),
        "greedy": Greedy(arms, chance, rewards),
        "ε-greedy, ε = 0.1": EpsilonGreedy(0.1, arms, chance, rewards),
        "UCB1, scale 0.1": UCB1(0.1, arms, chance, rewards),
        "Thompson": Thompson(arms, chance, rewards),
        "optimistic Thompson, 20 draws": OptimisticThompson(20, arms, chance, rewards),
    }
    if rewards == "bernoulli":
        found["Gittins index"] = Gittins(bandits.num_pulls, arms, chance)
    return found


def _planners(mdps: MDPs, chance: torch.Generator) -> dict[str, Agent | None]:
    sizes = Sizes(mdps.num_states, mdps.num_choices, mdps.episode_length)
    return {
        "random": RandomChoice(sizes, chance),
        "greedy": GreedyPlanner(sizes, chance, ties="first"),
        "greedy, ties at random": GreedyPlanner(sizes, chance),
        "greedy, true prior, ties at random": GreedyPlanner(sizes, chance, prior_mean=1.0),
        "short-sighted, true prior": ShortSighted(sizes, chance, prior_mean=1.0),
        "ε-greedy, ε = 0.1": EpsilonGreedyPlanner(0.1, sizes, chance),
        "PSRL": PSRL(sizes, chance),
        "OPSRL, 5 draws": OPSRL(5, sizes, chance),
        "UCRL2, scale 0.03": UCRL2(0.03, sizes, chance),
    }


def figures(environment: Environment, trials: list[Trials]) -> dict[str, Interval]:
    """What matters in an environment, by name.

    Args:
        environment: where the trials were.
        trials: batches of trials.
    """
    total_T = torch.cat([each.total for each in trials])
    found = {"reward": Interval.over(total_T)}
    if isinstance(environment, Bandits):
        regrets = [environment.regret(each.world, each.experience.action).sum(dim=1) for each in trials]
        found["regret"] = Interval.over(torch.cat(regrets))
    elif isinstance(environment, MDPs):
        optimum = float(torch.cat([each.world.optimum for each in trials]).mean())
        found["normalised"] = Interval.over(total_T / (PUBLISHED_NORMALISER * environment.num_episodes))
        found["of the optimum"] = Interval.over(total_T / (optimum * environment.num_episodes))
    elif isinstance(environment, Mazes):
        for episode in range(environment.num_episodes):
            steps = [((each.episode == episode) & each.is_real).sum(dim=1) for each in trials]
            found[f"steps, episode {episode + 1}"] = Interval.over(torch.cat(steps))
    elif isinstance(environment, Navigation):
        is_later = [each.episode >= environment.practice_episodes for each in trials]
        for name, count, parts in (
            ("practice episode", environment.practice_episodes, [~part for part in is_later]),
            ("later episode", environment.later_episodes, is_later),
        ):
            rewards = [(each.reward * part).sum(dim=1) / count for each, part in zip(trials, parts, strict=True)]
            found[name] = Interval.over(torch.cat(rewards))
    return found


def trial_records(tables: Mapping[str, TrialTable], name: str, seed: int) -> list[dict[str, Any]]:
    """Tables as JSON records.

    Args:
        tables: by title of the test.
        name: name of the recipe.
        seed: the seed that decided the worlds.
    """
    return [
        {
            "setting": title,
            "learner": name,
            **_record(table.figures[LEARNER]),
            "beside": {row: _record(found) for row, found in table.figures.items() if row != LEARNER},
            "tasks": table.tasks,
            "seed": seed,
        }
        for title, table in tables.items()
    ]


def _record(found: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: value.record() for name, value in found.items()}


def _regret(bandits: Bandits, trials: list[Trials]) -> Tensor:
    """The mean regret of each pull."""
    regrets = [bandits.regret(each.world, each.experience.action) for each in trials]
    return torch.cat(regrets).mean(dim=0).cpu()


def _curve(trials: list[Trials]) -> Tensor:
    """The mean reward at each step. Trials of a batch may all be over before the last step."""
    length = max(each.reward.shape[1] for each in trials)
    padded = [torch.nn.functional.pad(each.reward, (0, length - each.reward.shape[1])) for each in trials]
    return torch.cat(padded).mean(dim=0).cpu()
