"""A learnt regressor on real series, in their own units: how often its intervals hold the values, and its error.

python benchmarks/accuracy/series.py [NAME|RUN] [--sizes 10 30 50 100 200 500 1000] [--repeats 10] [--out FILE]

Points of a series are given, drawn at random, and the queries are up to 200 of the rest. Beside it a
Gaussian process fitted to the same points (scikit-learn's, RBF and noise), which has to have the units made for it.
The series come with statsmodels: the Nile's flow, sunspots, carbon dioxide, the temperature of the sea.

Letters: S points given, Q queries.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from gp_contenders import Fitted
from measure import stem
from quickstudy.core import Learner, Tasks, UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.quantiles import cumulative
from quickstudy.pretrained import load
from quickstudy.protocols.records import write_json

_ASKED = 200
_FITTED_UP_TO = 200  # Points: fitting takes time with their cube.

Series = tuple[Tensor, Tensor]
"""Places and values, one after another."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to ask, and where to leave the figures."""

    sizes: tuple[int, ...] = (10, 30, 50, 100, 200, 500, 1000)
    """Points given, as far as a series leaves a fifth of itself for queries."""
    repeats: int = 10
    """Draws of the points; a quarter of them from 200 points on."""
    seed: int = 0
    """Decides the points."""
    out: Path = Path(__file__).parents[1] / "results" / "series.json"
    """The JSON file to write."""


def load_series() -> dict[str, Series]:
    """By name; years count as one.

    Raises:
        UserError: if statsmodels is not installed.
    """
    try:
        from statsmodels.datasets import co2, elnino, nile, sunspots
    except ImportError:
        raise UserError("This benchmark needs statsmodels, which is not installed: pip install '.[dev]'.") from None
    rivers, spots = nile.load_pandas().data, sunspots.load_pandas().data
    carbon = co2.load_pandas().data["co2"].to_numpy(dtype=float)  # Weekly, some missing.
    months = elnino.load_pandas().data.to_numpy(dtype=float)[:, 1:].reshape(-1)
    found = {
        "nile": (rivers["year"], rivers["volume"]),
        "sunspots": (spots["YEAR"], spots["SUNACTIVITY"]),
        "co2": (1958.24 + np.arange(len(carbon)) / 52.18, carbon),
        "elnino": (1950 + np.arange(len(months)) / 12, months),
    }
    pairs = {name: np.stack([np.asarray(x, float), np.asarray(y, float)]) for name, (x, y) in found.items()}
    known = {name: pair[:, np.isfinite(pair[1])] for name, pair in pairs.items()}
    return {name: (torch.as_tensor(pair[0]), torch.as_tensor(pair[1])) for name, pair in known.items()}


def draw(series: Series, size: int, generator: torch.Generator) -> Tasks:
    """One task: so many points given, and up to 200 others as queries."""
    x, y = series
    order = torch.randperm(len(x), generator=generator)
    given, queries = order[:size], order[size : size + _ASKED]
    return Tasks(*(each[None, :, None] for each in (x[given], y[given], x[queries], y[queries])))


def figures(prediction: Distribution, truth: Tensor, spread: Tensor) -> dict[str, Tensor]:
    """The share in the central 90 %, the squared error as a share of the series' variance, and nats a query."""
    below = cumulative(prediction, truth)
    assert below is not None
    return {
        "coverage90": ((2 * below - 1).abs() <= 0.9).double().mean(),
        "squared_error": (prediction.mean - truth).square().mean().double() / spread.square(),
        "log_likelihood": prediction.log_prob(truth).mean().double() + spread.log(),
    }


def fitted(tasks: Tasks, gaussian_process: Fitted) -> Distribution:
    """A Gaussian process fitted to the points in units of their own: its bounds are for such."""
    x, y = tasks.support_x, tasks.support_y
    middle, quarter = (x.amax() + x.amin()) / 2, (x.amax() - x.amin()) / 4
    mean, deviation = y.mean(), y.std()
    units = Tasks((x - middle) / quarter, (y - mean) / deviation, (tasks.query_x - middle) / quarter, tasks.query_y)
    said = gaussian_process(units)
    return Independent(Normal(said.mean * deviation + mean, said.stddev * deviation), 1)


def measure(learner: Learner, options: Options) -> list[dict[str, Any]]:
    """One record for each series and number of points."""
    gaussian_process, records = Fitted(("RBF",)), []
    for name, series in load_series().items():
        for size in (size for size in options.sizes if size <= 0.8 * len(series[0])):
            print(f"{name}, {size} points", file=sys.stderr, flush=True)
            generator = torch.Generator().manual_seed(options.seed)
            ours, theirs = [], []
            for _ in range(options.repeats if size < _FITTED_UP_TO else max(1, options.repeats // 4)):
                tasks, spread = draw(series, size, generator), series[1].std()
                prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
                ours.append(figures(prediction, tasks.query_y.to(prediction.mean), spread))
                if size <= _FITTED_UP_TO:
                    theirs.append(figures(fitted(tasks, gaussian_process), tasks.query_y, spread))
            records.append({"series": name, "support": size, "learner": _means(ours), "fitted GP, RBF": _means(theirs)})
    return records


def _means(found: list[dict[str, Tensor]]) -> dict[str, Any] | None:
    if not found:
        return None
    return {key: Interval.over(torch.stack([each[key] for each in found])).record() for key in found[0]}


def main(name: Annotated[str, tyro.conf.Positional] = "gp-general", options: Options = Options()) -> int:
    """Measure the weights of this name, or a run folder."""
    try:
        records = measure(load(name), options)
    except UserError as error:
        print(f"series: {error}", file=sys.stderr)
        return 2
    protocol = {
        "points": f"drawn at random; up to {_ASKED} of the rest are queries; the same for both",
        "repeats": options.repeats,
        "seed": options.seed,
        "figures": "coverage of the central 90 %; squared error over the series' variance; nats a query for values "
        "over the series' deviation; mean over draws, ± 95 % interval",
    }
    about = {"benchmark": "series", "protocol": protocol, "provenance": provenance(), "learner": stem(name)}
    write_json(options.out, {**about, "records": records})
    _print(records)
    Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    return 0


def _print(records: list[dict[str, Any]]) -> None:
    table = Table()
    for heading in ("series", "points", "in 90 %", "error", "nats", "fitted: in 90 %", "error", "nats"):
        table.add_column(heading, justify="left" if heading == "series" else "right")
    for record in records:
        table.add_row(
            record["series"], str(record["support"]), *_cells(record["learner"]), *_cells(record["fitted GP, RBF"])
        )
    Console().print(table)


def _cells(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["–"] * 3
    return [
        f"{found['coverage90']['mean']:.1%}",
        f"{found['squared_error']['mean']:.4f}",
        f"{found['log_likelihood']['mean']:.3f}",
    ]


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
