"""Pictures of acting: which there are for an environment and a learner, and what draws them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from quickstudy.core import Agent, Experience, ReadsThePast, Trials
from quickstudy.evaluation.trial_plots import (
    Way,
    save_attention,
    save_bandit_trials,
    save_maze_trials,
    save_regrets,
    save_rewards,
)
from quickstudy.protocols.trial_rewards import TrialTable
from quickstudy.tasks import Bandits, Mazes

_SHOWN_TRIALS = 3
_MOST_STEPS = 40
"""Of a picture of attention: more are too small to read."""


def trial_pictures(folder: Path, learner: Agent, table: TrialTable, title: str) -> dict[Path, Callable[[], None]]:
    """For each picture what draws it.

    Args:
        folder: where the pictures are to be.
        learner: whose trials the table holds.
        table: what was measured.
        title: of the test.
    """
    rewards, regrets, trial, attention = (
        folder / f"{name}.png" for name in ("rewards", "regrets", "trial", "attention")
    )
    drawings: dict[Path, Callable[[], None]] = {rewards: partial(save_rewards, rewards, table.curves, title)}
    environment, trials = table.environment, table.trials
    if isinstance(environment, Bandits):
        drawings[regrets] = partial(save_regrets, regrets, table.regrets, title)
        drawings[trial] = partial(save_bandit_trials, trial, trials, _SHOWN_TRIALS)
        if isinstance(learner, ReadsThePast) and trials.reward.shape[1] <= _MOST_STEPS:
            drawings[attention] = partial(_draw_attention, attention, learner, trials.experience)
    elif isinstance(environment, Mazes):
        drawings[trial] = partial(_draw_mazes, trial, environment, trials)
    return drawings


def ways_through(mazes: Mazes, trials: Trials, count: int) -> list[list[Way]]:
    """The squares that were visited in each episode of the first trials.

    Args:
        mazes: where the trials were.
        trials: what happened.
        count: how many trials.
    """
    world, chance = trials.world, torch.Generator(mazes.device)
    shown = range(min(count, len(trials.total)))
    ways: list[list[list[tuple[int, int]]]] = [[[_place(world.start[task])]] for task in shown]
    for step in range(trials.experience.action.shape[1]):
        before, action_T = world, trials.experience.action[:, step]
        _, ended_T, world = mazes.act(world, action_T, chance)
        reached_T2 = mazes.moved_to(before, action_T)
        for task in shown:
            if trials.is_real[task, step]:
                ways[task][-1].append(_place(reached_T2[task]))
                if ended_T[task] and len(ways[task]) < mazes.num_episodes:
                    ways[task].append([_place(world.start[task])])
    return [list(episodes) for episodes in ways]


def _place(square_2: torch.Tensor) -> tuple[int, int]:
    row, column = square_2.tolist()
    return row, column


def _draw_mazes(path: Path, mazes: Mazes, trials: Trials) -> None:
    save_maze_trials(path, trials.world.walls, trials.world.goal, ways_through(mazes, trials, _SHOWN_TRIALS))


def _draw_attention(path: Path, learner: ReadsThePast, experience: Experience) -> None:
    """What the learner looks back on in the first trial. At each step it knows what was done before it."""
    first = Experience(*(field[:1] for field in experience))
    with torch.no_grad():
        (weights_HLL,) = learner.attention(first)
    done = zip(first.action[0].tolist(), first.reward[0].tolist(), strict=True)
    names = ["start", *(f"arm {arm + 1}: {reward:.3g}" for arm, reward in done)][:-1]
    save_attention(path, weights_HLL.cpu(), names, "how much each step reads of each step, in one trial")
