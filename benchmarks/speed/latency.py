"""How long a shipped classifier takes to adapt and to answer one query, beside fitting a logistic regression on pixels.

python benchmarks/speed/latency.py [NAME ...] [--rounds 20] [--out FILE]

One core, one task of generated drawings, 5 classes and 5 drawings of each, one query at a time. In each round every
contender adapts once and answers one query, in turns, so a busy machine slows all of them. The minimum is the time of
an idle machine, the median that of this one.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from sklearn.linear_model import LogisticRegression

from quickstudy.core import Learner, unchecked_distributions
from quickstudy.datasets import glyphs
from quickstudy.evaluation import provenance
from quickstudy.pretrained import load
from quickstudy.protocols.records import write_json

NAMES = (
    "omniglot-protonet",
    "omniglot-snail",
    "omniglot-transformer",
    "omniglot-metanet",
    "omniglot-mann",
    "omniglot-cnp",
    "omniglot-contrastive",
    "omniglot-hypernetwork",
    "omniglot-plastic",
    "omniglot-delta-net",
    "omniglot-maml",
    "omniglot-maml-first-order",
    "omniglot-maml-dense",
    "omniglot-reptile",
    "glyphs-protonet",
    "omniglot-autoencoder",
)
SIDES = {"omniglot-autoencoder": 20}
"""Pixels on a side of a drawing, where a learner reads another size than 28."""
LOGISTIC = "logistic regression on pixels"
WAYS, SHOTS = 5, 5
ADAPT_TARGET, QUERY_TARGET = 50.0, 10.0
"""Milliseconds at most."""

Turn = Callable[[], tuple[float, float]]
"""Adapts and answers one query; milliseconds of each."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How often to measure, and where to leave the figures."""

    rounds: int = 20
    """Rounds."""
    out: Path = Path(__file__).parents[1] / "results" / "latency.json"
    """The JSON file to write."""


def task(side: int = 28) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Support (1, 25, 1, side, side), labels (1, 25) and one query (1, 1, 1, side, side)."""
    images = torch.as_tensor(glyphs.load(WAYS, SHOTS + 1, seed=3, size=side)).float() / 255
    support_x = images[:, :SHOTS].flatten(0, 1)[None, :, None]
    return support_x, torch.arange(WAYS).repeat_interleave(SHOTS)[None], images[:1, SHOTS][None, :, None]


def learner_turn(learner: Learner, side: int) -> Turn:
    """A turn of a learner that reads drawings of this side."""
    support_x, support_y, query_x = task(side)

    @torch.no_grad()
    def turn() -> tuple[float, float]:
        begin = time.perf_counter()
        state = learner.adapt(support_x, support_y)
        middle = time.perf_counter()
        learner.predict(state, query_x)
        return 1e3 * (middle - begin), 1e3 * (time.perf_counter() - middle)

    return turn


def logistic_turn() -> Turn:
    """A turn of the logistic regression."""
    support_x, support_y, query_x = (np.asarray(each[0]) for each in task())
    flat, query = support_x.reshape(len(support_x), -1), query_x.reshape(1, -1)

    def turn() -> tuple[float, float]:
        begin = time.perf_counter()
        fitted = LogisticRegression(max_iter=1000).fit(flat, support_y)
        middle = time.perf_counter()
        fitted.predict_proba(query)
        return 1e3 * (middle - begin), 1e3 * (time.perf_counter() - middle)

    return turn


def measure(turns: Mapping[str, Turn], rounds: int) -> list[dict[str, Any]]:
    """A row for each contender: milliseconds of adapting and of a query."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    for turn in turns.values():
        turn()  # The first one does not count.
    for round_index in range(rounds):
        for name in list(turns) if round_index % 2 == 0 else list(turns)[::-1]:
            found[name].append(turns[name]())
    return [
        {
            "learner": name,
            **{
                f"{what}_ms": {"median": median(values), "minimum": min(values)}
                for what, values in zip(("adapt", "query"), zip(*times, strict=True), strict=True)
            },
        }
        for name, times in found.items()
    ]


def main(names: Annotated[tuple[str, ...], tyro.conf.Positional], options: Options) -> int:
    """Measure, print and store."""
    torch.set_num_threads(1)
    turns = {LOGISTIC: logistic_turn()} | {
        name: learner_turn(load(name), SIDES.get(name, 28)) for name in names or NAMES
    }
    with unchecked_distributions():
        rows = measure(turns, options.rounds)
    protocol = {
        "ways": WAYS,
        "shots": SHOTS,
        "cores": 1,
        "rounds": options.rounds,
        "targets_ms": [ADAPT_TARGET, QUERY_TARGET],
    }
    write_json(options.out, {"benchmark": "latency", "protocol": protocol, "rows": rows, **provenance()})
    for row in rows:
        times = (f"{row[what][kind]:8.1f}" for what in ("adapt_ms", "query_ms") for kind in ("minimum", "median"))
        print(f"{row['learner']:32}", *times)
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
