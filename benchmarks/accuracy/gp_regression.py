"""A learnt regressor beside Gaussian processes fitted to each task: how likely the true values, and how many tasks/s.

python benchmarks/accuracy/gp_regression.py [NAME|RUN ...] [--tasks 200] [--sizes 5 10 20 50 100 200 500] [--out FILE]
                                   [--picture docs/gp_regression.png] [--stored]

All answer the same tasks: those that the first learner's recipe is tested on, with so many points given. The oracle
knows the kernel that each task was drawn from.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.distributions import Distribution

from gp_contenders import Contender, Learnt, fitted
from gp_picture import ORACLE, draw
from measure import stem
from quickstudy.cli.freed_memory import keep_freed_memory
from quickstudy.core import Oracle, Tasks, UserError, unchecked_distributions
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.quantiles import cumulative
from quickstudy.pretrained import load
from quickstudy.protocols import open_weights
from quickstudy.protocols.records import interval_text, spread, write_json
from quickstudy.tasks import GaussianProcesses

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # Timing is shared with the benchmarks of speed.

from timing import PAIRING, Work, paired_rates, ratios

_FEWER = {200: 3, 500: 10}
"""Fitting takes time with the cube of the points, so of large tasks there are fewer, by these divisors."""
_QUERIES = 50

Drawn = list[tuple[Tasks, Oracle]]
"""Tasks in batches."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to ask, how long to measure, and where to leave the figures."""

    sizes: tuple[int, ...] = (5, 10, 20, 50, 100, 200, 500)
    """Points given."""
    tasks: int = 200
    """Tasks of each size; of 200 points a third of them, of 500 a tenth."""
    at_once: int = 64
    """Tasks that a learner answers together."""
    rounds: int = 5
    """Rounds of the timing; the middle one is what counts."""
    seconds: float = 1.0
    """Seconds that each contender has in a round, at least."""
    seed: int = 0
    """Decides the tasks."""
    out: Path = Path(__file__).parents[1] / "results" / "gp_regression.json"
    """The JSON file to write."""
    picture: Path | None = None
    """A PNG file to draw the curves into, which needs matplotlib; docs/gp_regression.png is the project's."""
    stored: bool = False
    """Measure nothing; show what `out` holds."""


def tasks_of(name: str) -> GaussianProcesses:
    """What a learner's recipe is tested on.

    Raises:
        UserError: if that is no Gaussian processes, whose exact posterior is known.
    """
    tasks = next(iter(open_weights(name).experiment.test.values()))(None)
    if not isinstance(tasks, GaussianProcesses):
        raise UserError(f"'{name}' is tested on {type(tasks).__name__}, not on curves of Gaussian processes.")
    return tasks


def draw_tasks(processes: GaussianProcesses, support: int, num_tasks: int, options: Options) -> Drawn:
    """So many tasks with so many points given, always the same for all contenders."""
    layout = processes.layout._replace(support=support, queries=_QUERIES, predicts_support=False)
    generator = torch.Generator().manual_seed(options.seed)
    counts = [min(options.at_once, num_tasks - start) for start in range(0, num_tasks, options.at_once)]
    return [processes.with_layout(layout).sample_with_oracle(count, generator) for count in counts]


def measure(names: Sequence[str], options: Options) -> list[dict[str, Any]]:
    """Every contender at every size.

    Raises:
        UserError: if there are no such weights, they predict no functions, or scikit-learn is not installed.
    """
    processes = tasks_of(names[0])
    learnt: dict[str, Contender] = {stem(name): Learnt(load(name)) for name in names}
    contenders = {**learnt, **fitted()}
    records = []
    for support in options.sizes:
        print(f"{support} points", file=sys.stderr, flush=True)
        drawn = draw_tasks(processes, support, max(2, options.tasks // _FEWER.get(support, 1)), options)
        figures = {name: _figures(contender, drawn) for name, contender in contenders.items()}
        figures[ORACLE] = _joined([_said(oracle.posterior, tasks) for tasks, oracle in drawn])
        timed = _timed(contenders, list(learnt), drawn[0][0], options)
        records.append({"support": support, **_record(figures, list(learnt)), **timed})
    return records


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options) -> int:
    """Measure the weights of these names or run folders; without any, gp-general."""
    try:
        if not options.stored:
            _measured(names or ["gp-general"], options)
            Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
        record = json.loads(options.out.read_text(encoding="utf-8"))
        _print(record)
        if options.picture is not None:
            draw(options.picture, record)
            Console().print(f"written  {options.picture}", soft_wrap=True, highlight=False)
    except UserError as error:
        print(f"gp_regression: {error}", file=sys.stderr)
        return 2
    return 0


def _measured(names: Sequence[str], options: Options) -> None:
    keep_freed_memory()  # As the command line does; for all contenders.
    with unchecked_distributions():
        sizes = measure(names, options)
    import sklearn

    protocol = {
        "tasks": f"those that {open_weights(names[0]).recipe} is tested on, with another number of points given; "
        "the same for all contenders",
        "queries": _QUERIES,
        "seed": options.seed,
        "figures": "mean over tasks, ± 95 % interval; likelihoods in nats a query, minus another's on the same tasks",
        "fitting": "by each task's marginal likelihood, bounds and starts in gp_contenders.py; 4 restarts are 5 fits",
        "at_once": options.at_once,
        "pairing": PAIRING,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "scikit-learn": sklearn.__version__,
    }
    about = {stem(name): open_weights(name).recipe for name in names}
    write_json(
        options.out,
        {
            "benchmark": "gp_regression",
            "protocol": protocol,
            "provenance": provenance(),
            "learners": about,
            "sizes": sizes,
        },
    )


def _figures(contender: Contender, drawn: Drawn) -> dict[str, Tensor]:
    return _joined([_said(contender(tasks), tasks) for tasks, _ in drawn])


def _joined(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _said(prediction: Distribution, tasks: Tasks) -> dict[str, Tensor]:
    """One number a task each."""
    below_TQ1 = cumulative(prediction, tasks.query_y)
    if below_TQ1 is None:
        raise UserError(
            f"A {type(prediction).__name__} was predicted, which has no quantiles. Leave those weights out."
        )
    return {
        "log_likelihood": prediction.log_prob(tasks.query_y).double().mean(dim=1),
        "squared_error": (prediction.mean - tasks.query_y).double().square().mean(dim=(1, 2)),
        "coverage90": ((2 * below_TQ1 - 1).abs() <= 0.9).double().mean(dim=(1, 2)),
    }


def _record(figures: Mapping[str, Mapping[str, Tensor]], learnt: Sequence[str]) -> dict[str, Any]:
    likelihoods = {name: figure["log_likelihood"] for name, figure in figures.items()}
    rows: dict[str, Any] = {}
    for name, figure in figures.items():
        rows[name] = {key: _interval(values_T) for key, values_T in figure.items()}
        rows[name]["median_log_likelihood"] = float(likelihoods[name].median())
        # Of the same tasks: most of what the luck of the draw does to both falls out of a difference.
        rows[name]["minus"] = {
            other: _interval(likelihoods[name] - likelihoods[other]) for other in (*learnt, ORACLE) if other != name
        }
    return {"tasks": len(likelihoods[ORACLE]), "contenders": rows}


def _interval(values_T: Tensor) -> dict[str, float | None]:
    return Interval.over(values_T).record()


def _timed(
    contenders: Mapping[str, Contender], learnt: Sequence[str], tasks: Tasks, options: Options
) -> dict[str, Any]:
    """Tasks a second, learners all tasks at once and one at a time, the others as they can; and the ratios."""
    works = {
        name: _all(contenders[name], tasks) if name in learnt else _each(contenders[name], tasks) for name in contenders
    }
    works |= {_alone(name): _each(contenders[name], tasks) for name in learnt}
    rates = paired_rates(works, options.rounds, options.seconds, f"{tasks.support_x.shape[1]} points")
    ours, others = [*learnt, *map(_alone, learnt)], [name for name in contenders if name not in learnt]
    return {
        "tasks_per_second": rates,
        "ratio": {our: {other: spread(ratios(rates, our, other)) for other in others} for our in ours},
    }


def _alone(name: str) -> str:
    return f"{name}, one at a time"


def _all(contender: Contender, tasks: Tasks) -> Work:
    def work() -> int:
        contender(tasks)
        return len(tasks.support_x)

    return work


def _each(contender: Contender, tasks: Tasks) -> Work:
    """A task a call, each in its turn."""
    turn = 0

    def work() -> int:
        nonlocal turn
        contender(Tasks(*(field[turn : turn + 1] for field in tasks)))
        turn = (turn + 1) % len(tasks.support_x)
        return 1

    return work


def _print(record: Mapping[str, Any]) -> None:
    for size in record["sizes"]:
        table = Table(title=f"{size['support']} points given, {size['tasks']:,} tasks", title_justify="left")
        for heading in ("contender", "log-likelihood", "squared error", "in 90 %", "tasks/s"):
            table.add_column(heading, justify="left" if heading == "contender" else "right")
        for name, row in size["contenders"].items():
            rates = size["tasks_per_second"].get(name)
            table.add_row(
                name,
                interval_text(row["log_likelihood"], 3),
                f"{row['squared_error']['mean']:.4f}",
                f"{row['coverage90']['mean']:.1%}",
                "–" if rates is None else f"{spread(rates)['median']:,.1f}",
            )
        Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
