"""Pictures of the figures in `benchmarks/results`: errors by setting, accuracy by size of the network, trainings.

python benchmarks/report/pictures.py
"""

import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

import quickstudy
from quickstudy.evaluation.plots import colours, empty_figure, plain_axes

_PROJECT = Path(__file__).parent.parent.parent
_SETTINGS = ((5, 1), (5, 5), (20, 1), (20, 5))

Accuracies = Mapping[str, Mapping[tuple[int, int], float]]
"""By weights, then by ways and shots: per cent."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where figures are read, and pictures are put."""

    results: Path = _PROJECT / "benchmarks/results"
    """Folder of the JSON files."""
    out: Path = _PROJECT / "docs"
    """Folder of the pictures."""


def read_accuracies(results: Path, *, rotated: bool = False) -> dict[str, dict[tuple[int, int], float]]:
    """Accuracies on the test characters of `vinyals`, of weights that were measured at all four settings."""
    found: dict[str, dict[tuple[int, int], float]] = {}
    for path in sorted(results.glob("accuracy-omniglot-*.json")):
        for record in json.loads(path.read_text()):
            plain = record["split"] == "vinyals" and record.get("rotated", False) == rotated
            special = record["within_alphabet"] or record["shuffled_labels"] or record.get("inductive", False)
            if plain and not special and record["result"] and (record["ways"], record["shots"]) in _SETTINGS:
                accuracy = record["result"]["accuracy"]["mean"]
                found.setdefault(record["weights"], {})[record["ways"], record["shots"]] = 100 * accuracy
    return {name: by for name, by in found.items() if len(by) == len(_SETTINGS)}


def draw_settings(path: Path, accuracies: Accuracies) -> None:
    """Each learner's errors against ways and shots. On a logarithmic axis, good learners stay apart."""
    figure = empty_figure(8, 4.6)
    axes = plain_axes(figure)
    best_first = sorted(accuracies, key=lambda name: -accuracies[name][20, 1])
    for name, colour in zip(best_first, colours(len(best_first)), strict=True):
        heights = [100 - accuracies[name][setting] for setting in _SETTINGS]
        axes.plot(range(len(_SETTINGS)), heights, "o-", color=colour, label=_short(name), linewidth=1.6, markersize=4)
    axes.set_xticks(range(len(_SETTINGS)), [f"{ways}-way {shots}-shot" for ways, shots in _SETTINGS])
    axes.set_yscale("log")
    axes.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    axes.set(ylabel="wrong on new characters, %", xlim=(-0.2, len(_SETTINGS) - 0.8))
    axes.set_title("Errors against ways and shots (vinyals, upright)", loc="left")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=150, bbox_inches="tight")


def draw_sizes(path: Path, accuracies: Accuracies, sizes: Mapping[str, int]) -> None:
    """Each learner's accuracy at 20-way 1-shot against its trained numbers."""
    figure = empty_figure(7, 4.2)
    axes = plain_axes(figure)
    for name, by_setting in accuracies.items():
        if sizes[name]:
            axes.plot(sizes[name], by_setting[20, 1], "o", color="0.2", markersize=5)
            axes.annotate(
                _short(name), (sizes[name], by_setting[20, 1]), xytext=(6, 3), textcoords="offset points", fontsize=9
            )
    axes.set_xscale("log")
    axes.set(xlabel="trained parameters", ylabel="correct at 20-way 1-shot, %")
    axes.set_title("Accuracy against the size of the network (vinyals, upright)", loc="left")
    figure.savefig(path, dpi=150, bbox_inches="tight")


def read_losses(folder: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Minutes and losses of each training whose curve was kept."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["loss"]]
        found[path.stem] = [float(row["seconds"]) / 60 for row in rows], [float(row["loss"]) for row in rows]
    return found


def draw_losses(path: Path, losses: Mapping[str, tuple[list[float], list[float]]]) -> None:
    """The losses of trainings over time."""
    figure = empty_figure(8, 4.2)
    axes = plain_axes(figure)
    for (name, (minutes, values)), colour in zip(losses.items(), colours(max(2, len(losses))), strict=False):
        axes.plot(minutes, values, color=colour, label=_short(name), linewidth=1.2)
    axes.set_yscale("log")
    axes.set(xlabel="minutes of one core, beside other work", ylabel="training loss, nats", xlim=(0, None))
    axes.set_title("Trainings of the shipped weights", loc="left")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=150, bbox_inches="tight")


def _short(name: str) -> str:
    return name.removeprefix("omniglot-")


def main(options: Options) -> int:
    """Draw all pictures whose figures are there."""
    accuracies = read_accuracies(options.results)
    losses = read_losses(options.results / "training")
    pictures: dict[str, Any] = {}
    if accuracies:
        sizes = {name: sum(each.numel() for each in quickstudy.load(name).parameters()) for name in accuracies}
        pictures["errors-by-setting.png"] = lambda path: draw_settings(path, accuracies)
        pictures["accuracy-by-size.png"] = lambda path: draw_sizes(path, accuracies, sizes)
    if losses:
        pictures["training.png"] = lambda path: draw_losses(path, losses)
    for name, draw in pictures.items():
        draw(options.out / name)
        print(options.out / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,))))
