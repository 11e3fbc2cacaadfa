"""Learners that act beside rules, in the same new worlds.

python benchmarks/accuracy/acting_learners.py NAME... [--tasks 1000] [--seed 1] [--beside RULE...] [--folder FOLDER]

For each name, or folder of a run, one file, acting-NAME.json. Differences from rules are paired: both act in the
same worlds.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor

from quickstudy.core import Agent, Environment, HasEnvironment, Trials, UserError
from quickstudy.evaluation import Interval, evaluate_trials, provenance
from quickstudy.protocols.records import interval_text, write_json
from quickstudy.protocols.trial_rewards import figures, rules
from quickstudy.protocols.weights import Weights, open_weights
from quickstudy.tasks import Bandits


@dataclass(frozen=True, kw_only=True)
class Options:
    """In which worlds, and beside which rules."""

    tasks: int = 1_000
    """Trials of the learner and of each rule."""
    seed: int = 1
    """Decides the worlds and what happens in them."""
    beside: tuple[str, ...] = ()
    """Names of rules. Without any, all rules of the environment."""
    folder: Path = Path(__file__).parents[1] / "results"
    """Where the files are written."""


def measure(weights: Weights, options: Options) -> dict[str, Any]:
    """The record of one learner.

    Raises:
        UserError: if the learner does not act, or there is no such rule.
    """
    ((title, source),) = weights.experiment.test.items()
    tasks = source(None)
    if not isinstance(tasks, HasEnvironment):
        raise UserError(f"{weights.name} was given, but a learner that acts was expected.")
    environment = tasks.environment
    known = rules(environment, options.seed)
    if unknown := set(options.beside) - set(known):
        raise UserError(f"--beside {' '.join(sorted(unknown))} was given, but the rules are: {', '.join(known)}.")
    learner: Any = weights.learner
    own = _trials(learner, environment, options)
    beside = {}
    for name in options.beside or known:
        trials = _trials(known[name], environment, options)
        beside[name] = _record(environment, trials) | _compared(environment, own, trials)
    return {
        "setting": title,
        "learner": weights.name,
        "trained_steps": weights.header.step,
        **_record(environment, own),
        "beside": beside,
        "tasks": options.tasks,
        "seed": options.seed,
        **provenance(),
    }


def _trials(agent: Agent | None, environment: Environment, options: Options) -> list[Trials]:
    return evaluate_trials(agent, environment, options.tasks, options.seed)


def _record(environment: Environment, trials: list[Trials]) -> dict[str, Any]:
    return {name: value.record() for name, value in figures(environment, trials).items()}


def _compared(environment: Environment, own: list[Trials], other: list[Trials]) -> dict[str, Any]:
    """How much more the learner gets than a rule in the same world; of bandits also the share of more regret."""
    more_T = torch.cat([each.total for each in own]) - torch.cat([each.total for each in other])
    found = {"learner_more": Interval.over(more_T).record()}
    if isinstance(environment, Bandits):
        own_T, other_T = (regrets(environment, trials) for trials in (own, other))
        if float(other_T.mean()) > 0:
            found["learner_regret_more"] = share_more(own_T, other_T).record()
    return found


def regrets(bandits: Bandits, trials: list[Trials]) -> Tensor:
    """The regret of each trial."""
    return torch.cat([bandits.regret(each.world, each.experience.action).sum(dim=1) for each in trials])


def share_more(own_T: Tensor, other_T: Tensor) -> Interval:
    """By which share the mean of the first is above that of the second, of pairs: the interval of a ratio of means."""
    ratio, mean = float(own_T.mean() / other_T.mean()), float(other_T.mean())
    spread = Interval.over((own_T - ratio * other_T) / mean).interval95
    return Interval(ratio - 1, spread)


def main(names: Annotated[tuple[str, ...], tyro.conf.Positional], options: Options) -> int:
    """Measure learners that act."""
    try:
        for name in names:
            record = measure(open_weights(name), options)
            write_json(options.folder / f"acting-{Path(name).stem}.json", record)
            print(f"{name}, {record['setting']}: {interval_text(record['reward'], 2)}")
            for rule, found in record["beside"].items():
                print(f"  {rule}: {interval_text(found['reward'], 2)}")
    except UserError as error:
        print(f"acting_learners: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
