"""The rules that learners that act are compared with, beside the published totals.

python benchmarks/accuracy/acting_rules.py [--tasks 1000] [--out FILE] [--pulls 10 100] [--arms 5 10 50] [--episodes 10]

The published totals are those of Duan et al., "RL²" (2016), tables 1 and 2. The simulated ones are of other code, which
was written before and shares nothing with this one; how far each rule is from them is given in standard errors.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from quickstudy.core import Environment
from quickstudy.evaluation import evaluate_trials, provenance, total_reward
from quickstudy.protocols.records import interval_text, write_json
from quickstudy.protocols.trial_rewards import rules
from quickstudy.tasks import Bandits, MDPs

_NAMES = ("random", "Gittins index", "Thompson", "optimistic Thompson, 20 draws", "UCB1, scale 0.1", "greedy")
PUBLISHED: dict[str, dict[str, float]] = {
    "10 pulls, 5 arms": dict(zip(_NAMES, (5.0, 6.6, 5.7, 6.5, 6.7, 6.6), strict=True)),
    "10 pulls, 10 arms": dict(zip(_NAMES, (5.0, 6.6, 5.5, 6.2, 6.7, 6.6), strict=True)),
    "10 pulls, 50 arms": dict(zip(_NAMES, (5.1, 6.5, 5.2, 5.5, 6.6, 6.5), strict=True)),
    "100 pulls, 5 arms": dict(zip(_NAMES, (49.9, 78.3, 74.7, 77.9, 78.0, 74.8), strict=True)),
    "100 pulls, 10 arms": dict(zip(_NAMES, (49.9, 82.8, 76.7, 81.4, 82.4, 77.1), strict=True)),
    "100 pulls, 50 arms": dict(zip(_NAMES, (49.8, 85.2, 64.5, 67.7, 84.3, 78.0), strict=True)),
    "10 episodes": {
        "random": 100.1,
        "PSRL": 138.1,
        "OPSRL, 5 draws": 144.1,
        "UCRL2, scale 0.03": 146.6,
        "greedy": 134.8,
    },
    "25 episodes": {
        "random": 250.2,
        "PSRL": 408.8,
        "OPSRL, 5 draws": 425.2,
        "UCRL2, scale 0.03": 424.1,
        "greedy": 368.8,
    },
}
_SIMULATED_NAMES = ("random", "Thompson", "UCB1, scale 0.1")
SIMULATED: dict[str, tuple[float, dict[str, float]]] = {
    "10 pulls, 5 arms": (0.03, dict(zip(_SIMULATED_NAMES, (5.04, 5.81, 6.67), strict=True))),
    "10 pulls, 10 arms": (0.03, dict(zip(_SIMULATED_NAMES, (4.99, 5.57, 6.69), strict=True))),
    "10 pulls, 50 arms": (0.03, dict(zip(_SIMULATED_NAMES, (4.98, 5.15, 6.75), strict=True))),
    "100 pulls, 5 arms": (0.2, dict(zip(_SIMULATED_NAMES, (49.9, 74.9, 78.3), strict=True))),
    "100 pulls, 10 arms": (0.2, dict(zip(_SIMULATED_NAMES, (50.0, 76.9, 83.4), strict=True))),
    "100 pulls, 50 arms": (0.2, dict(zip(_SIMULATED_NAMES, (50.1, 64.5, 84.7), strict=True))),
    "10 episodes": (0.9, {"PSRL": 140.0, "greedy": 130.0}),
    "25 episodes": (2.5, {"PSRL": 411.6, "greedy": 346.0}),
}
"""Of another simulation: its standard error, and the reward of each rule. Its UCB1 is that with the best scale."""
_TOO_FAR = 2.0
"""Standard errors. Of twenty figures, one is further away by chance."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Which worlds, and how many."""

    tasks: int = 1000
    """Trials of each rule in each setting."""
    pulls: tuple[int, ...] = (10, 100)
    """Pulls of a bandit's trial."""
    arms: tuple[int, ...] = (5, 10, 50)
    """Arms of a bandit."""
    episodes: tuple[int, ...] = (10,)
    """Episodes of a trial of a Markov decision process."""
    seed: int = 0
    """Decides the worlds and what happens in them."""
    out: Path = Path(__file__).parents[1] / "results" / "acting_rules.json"
    """The file of the figures."""


def settings(options: Options) -> dict[str, Environment]:
    """Environments by title."""
    bandits = {f"{pulls} pulls, {arms} arms": Bandits(arms, pulls) for pulls in options.pulls for arms in options.arms}
    return {**bandits, **{f"{number} episodes": MDPs(num_episodes=number) for number in options.episodes}}


def measure(title: str, environment: Environment, options: Options) -> dict[str, Any]:
    """One record: the reward of each rule, and what was published."""
    rewards = {
        name: total_reward(evaluate_trials(rule, environment, options.tasks, options.seed)).record()
        for name, rule in rules(environment, options.seed).items()
    }
    error, simulated = SIMULATED.get(title, (0.0, {}))
    return {
        "setting": title,
        "tasks": options.tasks,
        "reward": rewards,
        "published": PUBLISHED.get(title, {}),
        "simulated": simulated,
        "standard_errors_apart": {
            name: standard_errors_apart(rewards[name], reward, error) for name, reward in simulated.items()
        },
    }


def standard_errors_apart(found: dict[str, Any], simulated: float, error: float) -> float:
    """How far two means are from each other, in standard errors of their difference.

    Args:
        found: the mean here, with its interval.
        simulated: the mean of the other simulation.
        error: the standard error of that.
    """
    own_error = found["interval95"] / 1.96
    return abs(found["mean"] - simulated) / math.hypot(own_error, error)


def main(options: Options) -> int:
    records = [measure(title, environment, options) for title, environment in settings(options).items()]
    write_json(options.out, {"settings": records, **provenance()})
    for record in records:
        table = Table(title=f"{record['setting']}, {options.tasks:,} tasks", title_justify="left")
        for heading in ("rule", "reward", "published", "simulated", "standard errors apart"):
            table.add_column(heading)
        for name, reward in record["reward"].items():
            others = [str(record[column].get(name, "–")) for column in ("published", "simulated")]
            apart = record["standard_errors_apart"].get(name)
            table.add_row(name, interval_text(reward, 2), *others, "–" if apart is None else f"{apart:.1f}")
        Console().print(table)
    apart = [number for record in records for number in record["standard_errors_apart"].values()]
    far = sum(number > _TOO_FAR for number in apart)
    Console().print(
        f"{far} of {len(apart)} figures are more than {_TOO_FAR:g} standard errors from the simulated ones."
    )
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
