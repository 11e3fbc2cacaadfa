"""How well trained weights predict the values of functions, by the same code as `quickstudy evaluate`.

python benchmarks/accuracy/functions.py [NAME|RUN ...] [--tasks 2000] [--out DIR]

Evaluates as the recipe is tested, by the number of points given, and where the training never was. Leaves one file for
each learner, functions-NAME.json, a list with one record for each of these. A record holds the command that gives the
same figures, and either its result or the words with which the learner refused.
"""

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import quickstudy
from measure import predicts_values, progress_bar, stem
from quickstudy.core import UserError
from quickstudy.protocols import PointOptions, RegressionOptions, Weights, measure_regression, open_weights
from quickstudy.protocols.records import interval_text, number, write_json
from quickstudy.protocols.regression import layout_of
from quickstudy.tasks import PointLayout
from quickstudy.tasks.sampling import highest

AS_TESTED, BY_SUPPORT, SHIFTED, WIDENED, BEYOND = "as tested", "by support", "shifted", "widened", "beyond"
_SIZES = (0, 1, 3, 5, 10, 20, 50)
"""Points given, as far as the training had so many; and as many as it had at most."""


class Place(NamedTuple):
    """At which points a learner is evaluated."""

    kind: str
    points: PointOptions = PointOptions()

    def arguments(self, name: str, tasks: int) -> list[str]:
        """The arguments of the command, from `evaluate` on."""
        chosen = [("--support", self.points.support or None), ("--range", self.points.range)]
        chosen.append(("--query-range", self.points.query_range))
        written = [part for option, given in chosen if given is not None for part in (option, *map(_number, given))]
        return ["evaluate", name, "--tasks", str(tasks), *written, "--json"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to leave the figures, and how many tasks to take them over."""

    out: Path = Path(__file__).parents[1] / "results"
    """Folder for the JSON files."""
    tasks: int = 2000
    """Tasks in each setting."""


def grid(layout: PointLayout) -> list[Place]:
    """The points for a learner that was trained on functions with such points."""
    low, high = layout.low, layout.high
    width = high - low
    sizes = sorted({*(size for size in _SIZES if size < highest(layout.support)), highest(layout.support)})
    return [
        Place(AS_TESTED),
        # One by one, as some refuse to be given none.
        *(Place(BY_SUPPORT, PointOptions(support=(size,))) for size in sizes),
        Place(SHIFTED, PointOptions(range=(high, high + width))),
        Place(WIDENED, PointOptions(range=(low - width / 2, high + width / 2))),
        Place(BEYOND, PointOptions(query_range=(high, high + width / 4))),
    ]


def default_names() -> list[str]:
    """All that `quickstudy.load` knows and that predicts values at points drawn from a range."""
    return [name for name in quickstudy.available() if _layout(open_weights(name)) is not None]


def measure(weights: Weights, place: Place, tasks: int) -> dict[str, Any]:
    """One record: which points and which learner, and what the command prints or how the learner refused.

    A run's folder is named without where it lies, so the command is to be given beside it.
    """
    name, result, refusal = stem(weights.name), None, None
    try:
        found = measure_regression(weights, RegressionOptions(points=place.points, tasks=tasks))
        result = {**found.record(), "weights": name}
    except UserError as error:
        refusal = str(error)
    command = shlex.join(["quickstudy", *place.arguments(name, tasks)])
    about = {"weights": name, "recipe": weights.recipe, "kind": place.kind}
    return {**about, "command": command, "result": result, "refusal": refusal}


def measure_all(name: str, options: Options, progress: Progress) -> Path:
    """All records of one learner, written to its file as they come.

    Raises:
        UserError: if there are no such weights, or they predict no functions with points drawn from a range.
    """
    weights = open_weights(name)
    layout, path = _layout(weights), options.out / f"functions-{stem(name)}.json"
    if layout is None:
        raise UserError(f"'{name}' was not trained on functions with points drawn from a range. Leave it out.")
    task = progress.add_task(name, total=len(grid(layout)), setting="")
    records = []
    for place in grid(layout):
        progress.update(task, setting=place.kind)
        if progress.disable:
            print(f"{name}: {place.kind}", file=sys.stderr, flush=True)
        records.append(measure(weights, place, options.tasks))
        write_json(path, records)
        progress.advance(task)
    progress.update(task, setting="done")
    return path


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options) -> int:
    """Measure the weights of these names or run folders; without any, all of functions that `quickstudy.load` knows."""
    try:
        with progress_bar() as progress:
            paths = [measure_all(name, options, progress) for name in names or default_names()]
    except UserError as error:
        print(f"functions: {error}", file=sys.stderr)
        return 2
    for path in paths:
        _print(path)
    return 0


def _layout(weights: Weights) -> PointLayout | None:
    """Where the points of a training lay; None where they were not drawn from a range."""
    layout = layout_of(weights.experiment.train(None)) if predicts_values(weights) else None
    return layout if isinstance(layout, PointLayout) else None


def _number(value: float) -> str:
    return f"{value:g}"


def _print(path: Path) -> None:
    table = Table(title=str(path), title_justify="left")
    for heading in ("points", "setting", "log-likelihood", "oracle"):
        table.add_column(heading, justify="right" if heading in ("log-likelihood", "oracle") else "left")
    for record in json.loads(path.read_text(encoding="utf-8")):
        if record["result"] is None:
            table.add_row(record["kind"], record["refusal"])
            continue
        for row in record["result"]["test"]:
            found = row["log_likelihood"]
            exact = "–" if row["oracle"] is None else number(row["oracle"]["mean"], 3)
            table.add_row(record["kind"], row["setting"], interval_text(found, 3), exact)
    Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
