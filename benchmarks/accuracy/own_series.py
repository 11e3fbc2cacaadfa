"""A training on one's own series: sea temperatures of El Niño, 61 years of twelve months, from statsmodels.

python benchmarks/accuracy/own_series.py [--learners series-cnp series-attentive-cnp] [--steps 1500]

Each year is a CSV file; the last one has gaps. The test years are those of the default division. Beside the learners
stand the mean curve of the training years and `gp-general`, which sees only the points that are given.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from quickstudy.cli import main as command
from quickstudy.evaluation import provenance
from quickstudy.protocols import RegressionOptions, measure_regression, open_weights
from quickstudy.protocols.records import write_json


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to train, and where to leave the figures."""

    learners: tuple[str, ...] = ("series-cnp", "series-attentive-cnp")
    """Recipes."""
    steps: int | None = None
    """Optimiser steps; None takes those of the recipe."""
    tasks: int = 200
    """Tasks of each test."""
    seed: int = 0
    """Decides the first weights and all tasks."""
    out: Path = Path(__file__).parents[1] / "results" / "own_series.json"
    """The JSON file to write."""


def write_years(folder: Path) -> Path:
    """A CSV file for each year."""
    from statsmodels.datasets import elnino

    folder.mkdir()
    for year, *temperatures in elnino.load_pandas().data.itertuples(index=False):
        rows = "".join(f"{month},{value}\n" for month, value in enumerate(temperatures, start=1))
        (folder / f"{int(year)}.csv").write_text("month,temperature\n" + rows)
    return folder


def trained(recipe: str, folder: Path, run: Path, options: Options) -> dict[str, Any]:
    """Train by the command, and measure on the test years."""
    steps = [] if options.steps is None else ["--steps", str(options.steps)]
    quiet = ["--seed", str(options.seed), "--test-tasks", "0", "--out", str(run)]
    if command(["train", recipe, "--folder", str(folder), *steps, *quiet]):
        raise SystemExit(f"The training of {recipe} failed.")
    weights = open_weights(run)
    found = measure_regression(weights, RegressionOptions(tasks=options.tasks, seed=options.seed)).record()
    about = {"recipe": recipe, "steps": weights.arguments["steps"], "best_step": weights.header.step}
    return {**about, "test": found["test"], "compared_with": found["compared_with"]}


def main(options: Options) -> int:
    """Train, measure and store, learner by learner."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_years(Path(temporary) / "years")
        for recipe in options.learners:
            rows.append(trained(recipe, folder, Path(temporary) / recipe, options))
            about = {"series": "El Niño of statsmodels", "tasks": options.tasks, "seed": options.seed}
            write_json(options.out, {**about, "learners": rows, **provenance()})
            print(json.dumps([each["log_likelihood"] for each in rows[-1]["test"]]), flush=True)
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
