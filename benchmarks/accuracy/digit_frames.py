"""How large the ink of digits is to be: scikit-learn's 8×8 digits named by weights that never saw one, by size.

python benchmarks/accuracy/digit_frames.py [--name omniglot-protonet] [--sides 0.64 0.5] [--tasks 100] [--out FILE]

All drawings are moved to the middle, and the longer side of their ink is the given share of the image. A task has all
ten digits, one example and five queries of each.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from sklearn.datasets import load_digits

import quickstudy
from digits import Options as TaskOptions
from digits import tasks
from quickstudy.datasets.drawings import find_ink
from quickstudy.datasets.frames import Frame, common_frame
from quickstudy.datasets.shades import read_any
from quickstudy.evaluation import Interval, provenance
from quickstudy.protocols.records import write_json


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure, and where to leave the figures."""

    name: str = "omniglot-protonet"
    """The weights."""
    sides: tuple[float, ...] = (0.64, 0.5)
    """Longer sides of the ink, as shares of the image's side."""
    tasks: int = 100
    """Tasks, the same for each size."""
    seed: int = 0
    """Decides the tasks."""
    out: Path = Path(__file__).parents[1] / "results" / "digit_frames.json"
    """The JSON file to write."""


def accuracies(learner: Any, drawings: np.ndarray, digits: np.ndarray, options: Options) -> torch.Tensor:
    """The share of queries whose digit is named, of each task.

    Args:
        learner: A classifier of drawings.
        drawings: (n, 1, size, size), ink 1 on 0.
        digits: The digit of each.
        options: Number and seed of the tasks.
    """
    images, labels = torch.from_numpy(drawings), torch.from_numpy(digits)
    scores = []
    with torch.no_grad():
        for places in tasks(digits, 1, TaskOptions(tasks=options.tasks, seed=options.seed)):
            support, query = (torch.from_numpy(each) for each in places)
            state = learner.adapt(images[support][None], labels[support][None])
            named = learner.predict(state, images[query][None]).probs.argmax(dim=-1)[0]
            scores.append((named == labels[query]).double().mean())
    return torch.stack(scores)


def main(options: Options) -> int:
    """Measure, print and store."""
    learner, data = quickstudy.load(options.name), load_digits()
    inks = [find_ink(read_any(shades)) for shades in (data.images / data.images.max()).astype(np.float32)]
    rows: list[Mapping[str, Any]] = []
    for side in options.sides:
        frame = Frame(True, side)
        drawings = np.array([frame.apply(ink, 28) for ink in inks], dtype=np.float32)[:, None]
        found = Interval.over(accuracies(learner, drawings, data.target, options))
        rows.append({"side": side, "accuracy": found.record()})
        print(f"longer side {side:.0%} of the image: {found}", flush=True)
    about = {"data": "scikit-learn digits", "weights": options.name, "ways": 10, "shots": 1, "queries": 5}
    chosen = common_frame(inks).side
    write_json(
        options.out,
        {**about, "tasks": options.tasks, "seed": options.seed, "chosen_side": chosen, "rows": rows, **provenance()},
    )
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
