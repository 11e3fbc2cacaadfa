"""Small tables of scikit-learn with few rows of each class: accuracy and log-loss beside the usual classifiers.

python benchmarks/accuracy/small_tables.py [--rows 5 10] [--draws 50] [--learners clusters-transformer table-means]

Each draw takes the same number of rows of every class as examples and up to 300 of the others as queries. All
classifiers see the same draws; logistic regression and neighbours read columns that are standardised by the examples.
"""

import functools
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import tyro
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from quickstudy.estimators import FewShotClassifier
from quickstudy.evaluation import Interval, provenance
from quickstudy.protocols.records import write_json

_FLOOR = 1e-3
"""Lower probabilities count as this, so that a single certain mistake does not decide the log-loss of trees."""
_MOST_QUERIES = 300


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure, and where to leave the figures."""

    tables: tuple[str, ...] = ("iris", "wine", "breast cancer", "digits")
    """Tables to read."""
    rows: tuple[int, ...] = (5, 10)
    """Examples of each class."""
    draws: int = 50
    """Draws of examples."""
    learners: tuple[str, ...] = ("clusters-transformer", "table-means")
    """Our weights."""
    seed: int = 0
    """Decides the draws."""
    out: Path = Path(__file__).parents[1] / "results" / "small_tables.json"
    """The JSON file to write."""


class Draw(NamedTuple):
    """Examples and queries of one table."""

    x: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    answers: np.ndarray


TABLES: dict[str, Callable[..., Any]] = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "digits": load_digits,
}
USUAL: dict[str, Callable[[int], Any]] = {
    "logistic regression": lambda _: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "5 nearest neighbours": lambda _: make_pipeline(StandardScaler(), KNeighborsClassifier(5)),
    "random forest": lambda seed: RandomForestClassifier(random_state=seed),
    "extra trees": lambda seed: ExtraTreesClassifier(random_state=seed),
}


def draws(table: str, rows: int, options: Options) -> Iterator[Draw]:
    """The draws of a table."""
    X, y = TABLES[table](return_X_y=True)
    random = np.random.default_rng(options.seed)
    for _ in range(options.draws):
        order = random.permutation(len(X))
        chosen = np.concatenate([order[y[order] == each][:rows] for each in np.unique(y)])
        rest = order[~np.isin(order, chosen)][:_MOST_QUERIES]
        yield Draw(X[chosen], y[chosen], X[rest], y[rest])


def scores(make: Callable[[int], Any], drawn: Iterator[Draw]) -> tuple[Interval, Interval]:
    """Mean accuracy and mean log-loss of a classifier over draws."""
    right, losses = [], []
    for number, draw in enumerate(drawn):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier = make(number).fit(draw.x, draw.y)
        probabilities = classifier.predict_proba(draw.queries)
        own = probabilities[np.arange(len(draw.answers)), np.searchsorted(classifier.classes_, draw.answers)]
        right.append(float((classifier.classes_[probabilities.argmax(axis=1)] == draw.answers).mean()))
        losses.append(float(-np.log(own.clip(min=_FLOOR)).mean()))
    return Interval.over(torch.tensor(right)), Interval.over(torch.tensor(losses))


def _ours(name: str, _: int) -> FewShotClassifier:
    return FewShotClassifier(name)


def main(options: Options) -> int:
    """Measure, print and store."""
    contenders: dict[str, Callable[[int], Any]] = {name: functools.partial(_ours, name) for name in options.learners}
    rows: list[Mapping[str, Any]] = []
    for table in options.tables:
        for count in options.rows:
            for name, make in (contenders | USUAL).items():
                accuracy, loss = scores(make, draws(table, count, options))
                row = {"table": table, "rows": count, "classifier": name}
                rows.append({**row, "accuracy": accuracy.record(), "log_loss": loss.record()})
                print(f"{table}, {count} rows a class, {name}: {accuracy}, log-loss {loss.mean:.3f}", flush=True)
            # After each, so that what was measured stays if the rest is stopped.
            about = {"draws": options.draws, "floor": _FLOOR, "seed": options.seed}
            write_json(options.out, {**about, "rows": rows, **provenance()})
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
