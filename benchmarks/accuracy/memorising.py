"""A transformer that memorises its tasks or learns how to learn, by how many different tasks it was trained on.

python benchmarks/accuracy/memorising.py [--distinct 1 16 256 4096 0] [--steps 600] [--out FILE] [--picture FILE]

The recipe `projections-transformer` is trained once for each number of tasks; 0 stands for a new task each time. Then
it is tested with 1 to 5 examples of a class, on the tasks of its training and on new ones. Nearest class means are
measured beside it.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from lightning_fabric import Fabric

from quickstudy.core import Header, Learner, UserError
from quickstudy.evaluation import evaluate, provenance
from quickstudy.evaluation.plots import colours, empty_figure
from quickstudy.learners import ProtoNet
from quickstudy.protocols.records import write_json
from quickstudy.recipes import build
from quickstudy.tasks import Layout, ProjectedPrototypes
from quickstudy.training import Run, train

_ROOT = Path(__file__).parents[2]
RECIPE = "projections-transformer"
SEEN, NEW = "tasks of the training", "new tasks"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many trainings, how long, and where the figures go."""

    distinct: tuple[int, ...] = (1, 16, 256, 4096, 0)
    """Different tasks of each training. 0 makes a new task each time."""
    steps: int = 600
    """Optimiser steps of each training."""
    shots: tuple[int, ...] = (1, 2, 3, 4, 5)
    """Examples of a class, of which there is a figure for each."""
    tasks: int = 200
    """Tasks of each figure."""
    seed: int = 0
    """Decides the first weights and the tasks."""
    out: Path = _ROOT / "benchmarks" / "results" / "memorising.json"
    """The JSON file to write."""
    picture: Path = _ROOT / "docs" / "memorising.png"
    """The picture to write."""


def trained(distinct: int | None, options: Options) -> Learner:
    """The learner of the recipe after its training."""
    torch.manual_seed(options.seed)
    arguments = {"distinct": distinct, "steps": options.steps}
    experiment = build(RECIPE, arguments)
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(folder=Path(folder), header=Header(recipe=RECIPE, arguments=arguments), seed=options.seed)
        train(experiment, run, fabric)
    return experiment.learner.eval()


def tested(learner: Learner, distinct: int | None, options: Options) -> list[dict[str, Any]]:
    """Accuracy for each number of shots, on tasks of the training and on new ones."""
    kinds: dict[str, int | None] = {NEW: None, **({} if distinct is None else {SEEN: distinct})}
    records = []
    for title, number in kinds.items():
        for shots in options.shots:
            tasks = ProjectedPrototypes(Layout(5, shots, 5), distinct=number)
            found = evaluate(learner, tasks, options.tasks, seed=options.seed + 1)
            records.append({"tested_on": title, "shots": shots, "accuracy": found.accuracy.record()})
    return records


def measure(options: Options) -> list[dict[str, Any]]:
    """One record for each training, and one for class means without any training."""
    records: list[dict[str, Any]] = [
        {"learner": "nearest class mean", "figures": tested(ProtoNet(torch.nn.Flatten(-3)).eval(), None, options)}
    ]
    for number in options.distinct:
        distinct = number or None
        figures = tested(trained(distinct, options), distinct, options)
        last = {figure["tested_on"]: figure["accuracy"]["mean"] for figure in figures}
        print(f"{number or 'unlimited'} tasks: {last}", file=sys.stderr, flush=True)
        records.append({"learner": RECIPE, "distinct": distinct, "figures": figures})
    return records


def draw(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Two panels: accuracy by the number of tasks of the training, and accuracy by examples of a class.

    Raises:
        UserError: if matplotlib is not installed.
    """
    figure = empty_figure(10, 3.8)
    by_number, by_shots = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    trainings = [record for record in records if record["learner"] == RECIPE]
    names = [f"{record['distinct']:,}" if record["distinct"] else "a new one each time" for record in trainings]
    for title, colour in ((SEEN, "#dd8452"), (NEW, "#3b6fb6")):
        points = [(place, _by_shots(record, title)) for place, record in enumerate(trainings)]
        shown = [(place, found[max(found)]) for place, found in points if found]
        by_number.plot(*zip(*shown, strict=True), color=colour, marker="o", label=title)
    by_number.set_xticks(range(len(names)), [name.replace("one ", "one\n") for name in names], fontsize=8)
    by_number.set(xlabel="different tasks in training", ylabel="queries classified correctly, %", ylim=(0, 102))
    by_number.set_title("All examples", loc="left", fontsize=10)
    shades = colours(len(trainings))
    for record, name, shade in zip(trainings, names, shades, strict=True):
        found = _by_shots(record, NEW)
        by_shots.plot(list(found), list(found.values()), color=shade, marker="o", ms=3.5, label=name)
    (plain,) = (record for record in records if record["learner"] != RECIPE)
    found = _by_shots(plain, NEW)
    by_shots.plot(list(found), list(found.values()), color="0.5", linestyle=":", label=plain["learner"])
    by_shots.set(xlabel="examples of a class", ylim=(0, 102), xticks=list(found))
    by_shots.set_title("New tasks, by different tasks in training", loc="left", fontsize=10)
    by_number.legend(frameon=False, fontsize=8)
    by_shots.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axes in (by_number, by_shots):
        axes.axhline(20, color="0.7", linestyle="--", linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def _by_shots(record: dict[str, Any], title: str) -> dict[int, float]:
    figures = [figure for figure in record["figures"] if figure["tested_on"] == title]
    return {figure["shots"]: 100 * figure["accuracy"]["mean"] for figure in figures}


def main(options: Options = Options()) -> int:
    """Train, test, write the figures and draw them."""
    records = measure(options)
    protocol = {
        "recipe": RECIPE,
        "steps": options.steps,
        "tasks": options.tasks,
        "seed": options.seed,
        "chance": 0.2,
        "figures": "accuracy on 25 queries of a 5-way task, mean over tasks, ± 95 % interval",
    }
    about = {"benchmark": "memorising", "protocol": protocol, "provenance": provenance()}
    write_json(options.out, {**about, "records": records})
    try:
        draw(options.picture, records)
    except UserError as error:
        print(f"memorising: {error}", file=sys.stderr)
        return 2
    print(f"written  {options.out} and {options.picture}")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
