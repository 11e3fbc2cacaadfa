"""BLUR on Boolean functions by the number of updates, those of its training and those that it never saw.

python benchmarks/accuracy/boolean_updates.py [NAME|RUN] [--updates 0 1 2 5 10 20] [--tasks 200] [--out FILE]

Beside it is the same network trained by back-propagation on the same support, with the best of some rates.
"""

import copy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from quickstudy.core import Tasks, UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.learners import BLUR
from quickstudy.pretrained import load
from quickstudy.protocols.records import write_json
from quickstudy.tasks import BooleanPlane

_FUNCTIONS = ("xor", "or", "and", "quadrant", "nxor")
_RATES = (0.0003, 0.001, 0.003, 0.01)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    updates: tuple[int, ...] = (0, 1, 2, 5, 10, 20)
    """Numbers of updates."""
    tasks: int = 200
    """Tasks of each function, each with points of its own."""
    seed: int = 0
    """Decides the points."""
    out: Path = Path("benchmarks/results/boolean_updates.json")
    """Where to write the figures."""


@torch.no_grad()
def accuracy(learner: BLUR, tasks: Tasks, updates: int) -> dict[str, float | None]:
    """Share of right queries after so many updates, mean over tasks."""
    learner.test_updates = updates
    prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    right_TQ = prediction.probs.argmax(dim=-1) == tasks.query_y
    return Interval.over(right_TQ.double().mean(dim=1)).record()


def by_gradients(learner: BLUR, rate: float) -> BLUR:
    """The same network with the genome and the rule of back-propagation, and first synapses that are tied."""
    hidden = tuple(learner.sizes[1:-1])
    other = BLUR(2, hidden=hidden, start="gradient", rule="backpropagation", batch=learner.batch).eval()
    other.genome.set_gradient(rate)
    return other


def measure(learner: BLUR, options: Options) -> list[dict[str, Any]]:
    """One record for each function and learner."""
    ours, records = copy.deepcopy(learner).eval(), []
    for function in _FUNCTIONS:
        tasks = BooleanPlane((function,)).sample(options.tasks, torch.Generator().manual_seed(options.seed))
        found = {updates: accuracy(ours, tasks, updates) for updates in options.updates}
        records.append({"function": function, "learner": "BLUR", "by_updates": found})
        gradients = {
            rate: {updates: accuracy(by_gradients(learner, rate), tasks, updates) for updates in options.updates}
            for rate in _RATES
        }
        # After ten updates or the last before them, the best rate of all.
        last = max(updates for updates in options.updates if updates <= 10)
        best = max(gradients, key=lambda rate: gradients[rate][last]["mean"] or 0.0)
        other: dict[str, Any] = {"function": function, "learner": "back-propagation", "rate": best}
        records.append({**other, "by_updates": gradients[best]})
    return records


def main(name: Annotated[str, tyro.conf.Positional] = "boolean-blur", options: Options = Options()) -> int:
    """Measure the weights of this name, or a run folder."""
    try:
        learner = load(name if not Path(name).exists() else Path(name))
        if not isinstance(learner, BLUR):
            raise UserError(f"{name} holds a {type(learner).__name__}, but a BLUR was expected.")
        if not any(updates <= 10 for updates in options.updates):
            raise UserError(f"--updates {options.updates} was given, but a number up to 10 has to be among them.")
        records = measure(learner, options)
    except UserError as error:
        print(f"boolean_updates: {error}", file=sys.stderr)
        return 2
    protocol = {
        "tasks": options.tasks,
        "seed": options.seed,
        "support": "128 points, all of which each update reads; 128 queries",
        "trained on": "xor, or",
        "figures": "share of right queries; mean over tasks, ± 95 % interval",
    }
    about = {"benchmark": "boolean_updates", "protocol": protocol, "provenance": provenance()}
    write_json(options.out, {**about, "learner": Path(name).name, "records": records})
    _print(records, options.updates)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0


def _print(records: list[dict[str, Any]], updates: tuple[int, ...]) -> None:
    table = Table()
    for heading in ("function", "learner", *(f"{count} updates" for count in updates)):
        table.add_column(heading, justify="right" if heading.endswith("updates") else "left")
    for each in records:
        cells = [f"{each['by_updates'][count]['mean']:.1%}" for count in updates]
        table.add_row(each["function"], each["learner"], *cells)
    Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
