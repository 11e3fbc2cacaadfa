"""Fitness Monotonic Execution on bandits and cart-pole: mean reward by the base of the schedule, and the controls.

python benchmarks/accuracy/self_modification.py [--seeds 5] [--groups NAME ...] [--out FILE] [--picture FILE]

A reconstruction: the paper's scheme of selection and its settings are not public.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro

from quickstudy.core import UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.plots import colours, empty_figure
from quickstudy.experiments import Bandit, CartPole, Environment, Evolution, SelfModifyingMatrix, evolve_together
from quickstudy.protocols.records import write_json

_ROOT = Path(__file__).parents[2]
_CURVE_POINTS = 60
_GROUPS = ("fixed arm", "arm redrawn", "arm swaps", "cart-pole")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many seeds, how long, and where the figures go."""

    seeds: int = 5
    """Evolutions of each setting, which share nothing. They are executed in one batch."""
    iterations: int = 300
    """Rounds of 32 executions on bandits whose arm is fixed."""
    redrawn_iterations: int = 600
    """The same on bandits whose arm is redrawn after every 20 of 100 steps."""
    swapping_iterations: int = 500
    """The same on bandits whose arm swaps."""
    cart_pole_iterations: int = 625
    """The same on cart-pole."""
    groups: tuple[str, ...] = _GROUPS
    """Environments to measure. Cart-pole takes most of the time."""
    out: Path = _ROOT / "benchmarks" / "results" / "self_modification.json"
    """The JSON file to write."""
    picture: Path = _ROOT / "docs" / "self_modification.png"
    """The picture to write."""


@dataclass(frozen=True)
class Setting:
    """One evolution: its title, and what is evolved where."""

    group: str
    title: str
    matrix: SelfModifyingMatrix
    environment: Environment
    evolution: Evolution


def settings(options: Options) -> Iterator[Setting]:
    """What is evolved in the chosen environments.

    Raises:
        UserError: if there is no such environment.
    """
    if unknown := [name for name in options.groups if name not in _GROUPS]:
        raise UserError(f"--groups {' '.join(unknown)} was given, but some of {', '.join(_GROUPS)} were expected.")
    yield from (each for each in _every_setting(options) if each.group in options.groups)


def _every_setting(options: Options) -> Iterator[Setting]:
    fixed = Evolution(iterations=options.iterations)
    for base in (None, 1.0, 2.0, 4.0, 10.0):
        title = "no selection" if base is None else f"base {base:g}"
        yield Setting("fixed arm", title, SelfModifyingMatrix(2), Bandit(2), replace(fixed, base=base))
    without = SelfModifyingMatrix(2, rule="none")
    yield Setting("fixed arm", "base 10, no self-modification", without, Bandit(2), replace(fixed, base=10.0))
    kinds = {
        "arm redrawn": (Bandit(2, "redrawn", length=100, period=20), options.redrawn_iterations),
        "arm swaps": (Bandit(2, "swapping"), options.swapping_iterations),
    }
    for group, (bandit, iterations) in kinds.items():
        for feeds in (True, False):
            title = "reward is an input" if feeds else "reward is no input"
            matrix = SelfModifyingMatrix(2, feeds_reward=feeds)
            evolution = Evolution(base=10.0, iterations=iterations)
            yield Setting(group, title, matrix, bandit, evolution)
    evolution = Evolution(iterations=options.cart_pole_iterations, log_spaced=True)
    matrix = SelfModifyingMatrix(2, num_observed=4)
    for base in (None, 10.0):
        title = "no selection" if base is None else f"base {base:g}"
        yield Setting("cart-pole", title, matrix, CartPole(), replace(evolution, base=base))
    frozen = replace(matrix, rule="none")
    title = "base 10, no self-modification"
    yield Setting("cart-pole", title, frozen, CartPole(), replace(evolution, base=10.0))


def measured(setting: Setting, seeds: int) -> dict[str, Any]:
    """The mean reward over the last fifth, its curve, and how often each bucket was executed."""
    runs = evolve_together(setting.matrix, setting.environment, setting.evolution, seeds)
    rewards = torch.tensor([run.rewards for run in runs])
    late = rewards[:, -max(1, rewards.shape[1] // 5) :].mean(dim=1)
    return {
        "group": setting.group,
        "title": setting.title,
        "base": setting.evolution.base,
        "reward": Interval.over(late).record(),
        "reward_by_seed": late.tolist(),
        "curve": [float(part.mean()) for part in rewards.mean(dim=0).tensor_split(_CURVE_POINTS)],
        "iterations": setting.evolution.iterations,
        "executions_by_bucket": [run.executions for run in runs],
        "stored_by_bucket": [run.archive.sizes for run in runs],
    }


def draw(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """One panel for each environment: mean reward over the iterations.

    Raises:
        UserError: if matplotlib is not installed.
    """
    groups = list(dict.fromkeys(record["group"] for record in records))
    figure = empty_figure(3.4 * len(groups), 4.2)
    for place, group in enumerate(groups, start=1):
        axes = figure.add_subplot(1, len(groups), place)
        chosen = [record for record in records if record["group"] == group]
        for record, colour in zip(chosen, colours(len(chosen)), strict=True):
            width = record["iterations"] / len(record["curve"])
            x = [width * (index + 0.5) for index in range(len(record["curve"]))]
            axes.plot(x, record["curve"], color=colour, label=record["title"])
        axes.set(xlabel="rounds of 32 executions")
        axes.locator_params(nbins=4)
        axes.set_title(group.capitalize(), loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9")
        axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(0, -0.2))
        if place == 1:
            axes.set_ylabel("mean reward")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, bbox_inches="tight")


def main(options: Options = Options()) -> int:
    """Evolve, write the figures after each setting, and draw them."""
    protocol = {
        "seeds": options.seeds,
        "parallel_executions": 32,
        "figures": "mean reward of a step (cart-pole: total of an execution) over the last fifth, ± 95 % over seeds",
        "chance": 0.5,
    }
    about = {"benchmark": "self_modification", "protocol": protocol, "provenance": provenance()}
    records = []
    try:
        for setting in settings(options):
            records.append(measured(setting, options.seeds))
            reward = records[-1]["reward"]["mean"]
            print(f"{setting.group}, {setting.title}: {reward:.3f}", file=sys.stderr, flush=True)
            write_json(options.out, {**about, "records": records})
        draw(options.picture, records)
    except UserError as error:
        print(f"self_modification: {error}", file=sys.stderr)
        return 2
    print(f"written  {options.out} and {options.picture}")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
