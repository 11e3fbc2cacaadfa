"""A hypernetwork ranks small architectures without training them: the rank correlation with training each.

python benchmarks/accuracy/architecture_search.py [--architectures 48] [--seeds 0 1 2] [--out FILE] [--picture FILE]

The data are the real 8×8 digits of scikit-learn: half to train on, a quarter on which generated networks are ranked,
and a quarter on which each network is tested after a training of its own. Beside the hypernetwork are other ways to
rank: one set of weights that all architectures share, a hypernetwork that was not trained, and two plain numbers: how
many parameters a network has, and how many units its narrowest layer.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.plots import empty_figure
from quickstudy.experiments.architecture_search import (
    ArchitectureHypernetwork,
    accuracies,
    rank_correlation,
    train_each,
    train_hypernetwork,
)
from quickstudy.experiments.architectures import Architecture, Encoded, drawn_architectures, encoded
from quickstudy.protocols.records import write_json

_ROOT = Path(__file__).parents[2]
_WAYS = 10
HYPERNETWORK, SHARED, UNTRAINED = "hypernetwork", "shared weights", "hypernetwork, not trained"
SIZE, NARROWEST = "number of parameters", "units of the narrowest layer"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many architectures, how long the trainings are, and where the figures go."""

    architectures: int = 48
    """Architectures that are ranked."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each has its own division of the digits, its own architectures and its own hypernetwork."""
    steps: int = 1500
    """Steps of the hypernetwork."""
    steps_of_each: int = 300
    """Steps of the training of each architecture."""
    trainings: int = 2
    """Trainings of each architecture, of which the mean accuracy counts."""
    out: Path = _ROOT / "benchmarks" / "results" / "architecture_search.json"
    """The JSON file to write."""
    picture: Path = _ROOT / "docs" / "architecture_search.png"
    """The picture to write."""
    only_rank: bool = False
    """Train nothing: rank the architectures of the JSON file that is there, and draw the picture."""


@dataclass(frozen=True)
class Digits:
    """Real digits in three parts, each of inputs (B, 64) and labels (B,)."""

    train: tuple[Tensor, Tensor]
    ranking: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load_digits(seed: int) -> Digits:
    """The digits of scikit-learn, divided at random.

    Raises:
        UserError: if scikit-learn is missing.
    """
    try:
        from sklearn import datasets
    except ImportError:
        raise UserError("The digits come with scikit-learn. Install it: pip install '.[dev]'") from None
    found = datasets.load_digits()
    x, y = torch.as_tensor(found.data).float(), torch.as_tensor(found.target).long()
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    train, ranking, test = order.split([len(y) // 2, len(y) // 4, len(y) - len(y) // 2 - len(y) // 4])
    x = (x - x[train].mean()) / x[train].std()
    return Digits(*((x[part], y[part]) for part in (train, ranking, test)))


def trained_accuracies(architectures: Encoded, digits: Digits, options: Options, seed: int) -> Tensor:
    """Accuracy of each architecture on test digits after its own training, mean over trainings, (A,)."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(options.trainings):
        layers = train_each(architectures, *digits.train, steps=options.steps_of_each, generator=generator, ways=_WAYS)
        found.append(accuracies(architectures, layers, *digits.test))
    return torch.stack(found).mean(dim=0)


def generated_accuracies(architectures: Encoded, digits: Digits, options: Options, seed: int) -> dict[str, Tensor]:
    """Accuracy of each architecture with weights that nobody trained for it, by who gave them, (A,)."""
    inputs, found = digits.train[0].shape[1], {}
    for name, reads, steps in (
        (HYPERNETWORK, True, options.steps),
        (SHARED, False, options.steps),
        (UNTRAINED, True, 0),
    ):
        torch.manual_seed(seed)
        hypernetwork = ArchitectureHypernetwork(inputs, _WAYS, reads_architecture=reads)
        generator = torch.Generator().manual_seed(seed)
        train_hypernetwork(hypernetwork, *digits.train, steps=steps, generator=generator)
        with torch.no_grad():
            found[name] = accuracies(architectures, hypernetwork(architectures), *digits.ranking)
    return found


def measure(options: Options) -> list[dict[str, Any]]:
    """One record for each seed: every architecture, and the rank correlation of each way to rank."""
    records = []
    for seed in options.seeds:
        digits = load_digits(seed)
        # Another seed than that of the hypernetwork, whose first random architectures would else be these.
        drawn = drawn_architectures(options.architectures, torch.Generator().manual_seed(1000 + seed))
        architectures = encoded(drawn)
        own = trained_accuracies(architectures, digits, options, seed)
        scores = generated_accuracies(architectures, digits, options, seed)
        sizes = [each.num_parameters(digits.train[0].shape[1], _WAYS) for each in drawn]
        described = _described(drawn, sizes, own, scores)
        found = correlations(described)
        best = int(scores[HYPERNETWORK].argmax())
        records.append(
            {
                "seed": seed,
                "rank correlation": found,
                "accuracy of the chosen architecture": float(own[best]),
                "accuracy of the best architecture": float(own.max()),
                "mean accuracy": float(own.mean()),
                "architectures": described,
            }
        )
        print(f"seed {seed}: {found}", file=sys.stderr, flush=True)
    return records


def correlations(described: list[dict[str, Any]]) -> dict[str, float]:
    """The rank correlation of each way to rank with the accuracy after a training."""
    ways = {name: [each["generated"][name] for each in described] for name in (HYPERNETWORK, SHARED, UNTRAINED)}
    ways[SIZE] = [each["parameters"] for each in described]
    ways[NARROWEST] = [min(each["widths"]) for each in described]
    own = torch.tensor([each["trained"] for each in described])
    return {name: rank_correlation(torch.tensor(numbers).double(), own.double()) for name, numbers in ways.items()}


def _described(
    drawn: list[Architecture], sizes: list[int], own: Tensor, scores: dict[str, Tensor]
) -> list[dict[str, Any]]:
    return [
        {
            **each._asdict(),
            "parameters": sizes[index],
            "trained": round(float(own[index]), 4),
            "generated": {name: round(float(score[index]), 4) for name, score in scores.items()},
        }
        for index, each in enumerate(drawn)
    ]


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds with their 95 % intervals."""

    def over(values: list[float]) -> dict[str, Any]:
        return Interval.over(torch.tensor(values).double()).record()

    ways = records[0]["rank correlation"]
    parts = ("accuracy of the chosen architecture", "accuracy of the best architecture", "mean accuracy")
    return {
        "rank correlation": {name: over([record["rank correlation"][name] for record in records]) for name in ways},
        **{part: over([record[part] for record in records]) for part in parts},
    }


def draw(path: Path, records: list[dict[str, Any]], found: dict[str, Any]) -> None:
    """The architectures of the first seed, and the rank correlations of all.

    Raises:
        UserError: if matplotlib is not installed.
    """
    figure = empty_figure(9, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    shown = records[0]["architectures"]
    for activation, marker in (("relu", "o"), ("tanh", "s"), ("sine", "^"), ("linear", "x")):
        chosen = [each for each in shown if each["activation"] == activation]
        points = [(100 * each["generated"][HYPERNETWORK], 100 * each["trained"]) for each in chosen]
        narrowest = [min(each["widths"]) for each in chosen]
        spots = left.scatter(
            *zip(*points, strict=True), c=narrowest, marker=marker, s=30, label=activation, cmap="viridis_r",
            norm="log", vmin=2, vmax=32,
        )  # fmt: skip
    bar = figure.colorbar(spots, ax=left, ticks=[2, 4, 8, 16, 32], format="%d")
    bar.set_label("units of the narrowest layer", fontsize=8)
    bar.ax.minorticks_off()
    left.set(xlabel="right with generated weights, %", ylabel="right after its own training, %")
    names_of_markers = left.legend(frameon=False, fontsize=8, title="activation", title_fontsize=8)
    for handle in names_of_markers.legend_handles:
        handle.set_color("0.4")
    names = list(found["rank correlation"])[::-1]
    means = [found["rank correlation"][name]["mean"] for name in names]
    bounds = [found["rank correlation"][name]["interval95"] or 0.0 for name in names]
    right.barh(names, means, xerr=bounds, color="0.75", ecolor="0.3", height=0.6)
    right.axvline(0, color="0.3", linewidth=0.8)
    right.set(xlabel="rank correlation with training each")
    right.set_title("All seeds, mean and 95 % interval", loc="left", fontsize=9)
    left.set_title(f"{len(shown)} architectures of one seed", loc="left", fontsize=9)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main(options: Options = Options()) -> int:
    """Rank and train all architectures, write the figures and draw them."""
    start = time.process_time()
    try:
        if options.only_rank:
            return _ranked_again(options)
        records = measure(options)
        found = summary(records)
        protocol = {
            "digits": "scikit-learn's 8×8 digits: half to train on, a quarter to rank on, a quarter to test on",
            "architectures": f"{options.architectures}, perceptrons of 1 to 4 hidden layers",
            "steps": options.steps,
            "steps of each architecture": options.steps_of_each,
            "trainings of each architecture": options.trainings,
            "seeds": list(options.seeds),
            "figures": "Spearman's rank correlation with accuracy after training; mean over seeds, ± 95 % interval",
        }
        about = {"benchmark": "architecture_search", "protocol": protocol, "provenance": provenance()}
        seconds = round(time.process_time() - start, 1)
        write_json(options.out, {**about, "CPU seconds": seconds, "summary": found, "records": records})
        draw(options.picture, records, found)
    except UserError as error:
        print(f"architecture_search: {error}", file=sys.stderr)
        return 2
    _print(found, options)
    return 0


def _ranked_again(options: Options) -> int:
    """The figures of the stored architectures; what was trained, and by which commit, stays as it is."""
    if not options.out.exists():
        raise UserError(f"{options.out} does not exist. Leave out --only-rank, so that architectures are trained.")
    stored = json.loads(options.out.read_text(encoding="utf-8"))
    for record in stored["records"]:
        record["rank correlation"] = correlations(record["architectures"])
    stored["summary"] = summary(stored["records"])
    write_json(options.out, stored)
    draw(options.picture, stored["records"], stored["summary"])
    _print(stored["summary"], options)
    return 0


def _print(found: dict[str, Any], options: Options) -> None:
    for name, value in found["rank correlation"].items():
        print(f"{name}: {value['mean']:.2f} ± {value['interval95'] or 0:.2f}")
    print(f"written  {options.out} and {options.picture}")


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
