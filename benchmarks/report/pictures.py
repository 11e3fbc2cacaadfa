"""Pictures of the figures in `benchmarks/results`: errors by setting and by size of the network, losses of trainings.

python benchmarks/report/pictures.py
"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from gallery_style import BLUE, GREEN, GREY, ORANGE, RED, save
from quickstudy.evaluation.plots import empty_figure, plain_axes
from quickstudy.recipes import build

_PROJECT = Path(__file__).parent.parent.parent
_SETTINGS = ((5, 1), (5, 5), (20, 1), (20, 5))
_MARKS = (("o", BLUE), ("s", GREEN), ("^", ORANGE), ("D", RED))
_NAME: dict[str, Any] = {
    "fontsize": 8,
    "va": "center",
    "ha": "right",
    "zorder": 2,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5},
}
_SIDES: tuple[dict[str, Any], ...] = (
    {"xytext": (6, 0), "ha": "left"},
    {"xytext": (-6, 0), "ha": "right"},
    {"xytext": (0, 9), "ha": "center"},
    {"xytext": (0, -9), "ha": "center"},
)

Accuracies = Mapping[str, Mapping[tuple[int, int], float]]
"""By weights, then by ways and shots: per cent."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where figures are read, and pictures are put."""

    results: Path = _PROJECT / "benchmarks/results"
    """Folder of the JSON files."""
    out: Path = _PROJECT / "docs"
    """Folder of the pictures."""


def read_accuracies(results: Path) -> dict[str, dict[tuple[int, int], float]]:
    """Accuracies on the upright test characters of `vinyals`, by weights."""
    found: dict[str, dict[tuple[int, int], float]] = {}
    for path in sorted(results.glob("accuracy-omniglot-*.json")):
        for record in json.loads(path.read_text()):
            plain = record["split"] == "vinyals" and not record.get("rotated", False)
            special = record["within_alphabet"] or record["shuffled_labels"] or record.get("inductive", False)
            if plain and not special and record["result"] and (record["ways"], record["shots"]) in _SETTINGS:
                accuracy = record["result"]["accuracy"]["mean"]
                found.setdefault(record["weights"], {})[record["ways"], record["shots"]] = 100 * accuracy
    return found


def draw_settings(path: Path, accuracies: Accuracies) -> None:
    """Errors at each setting that was measured, a row for each learner. On a logarithmic axis good ones stay apart."""
    figure = empty_figure(8, 1.3 + 0.26 * len(accuracies))
    axes = plain_axes(figure)
    worst_first = sorted(accuracies, key=lambda name: -_first_error(accuracies[name]))
    for setting, (marker, colour) in zip(_SETTINGS, _MARKS, strict=True):
        rows = [row for row, name in enumerate(worst_first) if setting in accuracies[name]]
        errors = [100 - accuracies[worst_first[row]][setting] for row in rows]
        label = f"{setting[0]}-way {setting[1]}-shot"
        axes.plot(errors, rows, marker, color=colour, markersize=6, linestyle="none", label=label)
    axes.set_yticks(range(len(worst_first)), [_short(name) for name in worst_first])
    _error_axis(axes, "x", [100 - accuracy for by_setting in accuracies.values() for accuracy in by_setting.values()])
    axes.set_xlabel("wrong on new characters, %")
    axes.legend(frameon=False, loc="lower right", ncols=4, bbox_to_anchor=(1.0, 1.0), columnspacing=1.2)
    save(figure, path, colours=64)


def draw_sizes(path: Path, accuracies: Accuracies, sizes: Mapping[str, int]) -> None:
    """Each learner's errors at 5-way 1-shot against the number of its parameters; a line where there are none."""
    figure = empty_figure(8, 5.4)
    axes = plain_axes(figure)
    errors = {name: 100 - by_setting[5, 1] for name, by_setting in accuracies.items() if (5, 1) in by_setting}
    places = {name: (sizes[name], error) for name, error in errors.items() if sizes[name]}
    for name in errors.keys() - places.keys():
        axes.axhline(errors[name], color=GREY, linestyle=":", zorder=1)
        axes.text(0.99, errors[name], f"{_short(name)}, no parameters", transform=axes.get_yaxis_transform(), **_NAME)
    axes.plot([x for x, _ in places.values()], [y for _, y in places.values()], "o", color=BLUE, markersize=5, zorder=3)
    axes.set_xscale("log")
    axes.set_xmargin(0.1)
    _error_axis(axes, "y", list(errors.values()))
    axes.set(xlabel="parameters", ylabel="wrong at 5-way 1-shot, %")
    _name_points(axes, {_short(name): place for name, place in places.items()})
    save(figure, path, colours=64)


def _name_points(axes: Any, places: Mapping[str, tuple[float, float]]) -> None:
    """A name beside each point, from right to left, on the first side where it covers neither a point nor a name."""
    from matplotlib.transforms import Bbox

    dots = (axes.transData.transform(place) for place in places.values())
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in dots]
    for name, place in sorted(places.items(), key=lambda item: -item[1][0]):
        for side in _SIDES:
            text = axes.annotate(name, place, textcoords="offset points", **{**_NAME, **side})
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken) or side is _SIDES[-1]:
                taken.append(box)
                break
            text.remove()


def _first_error(by_setting: Mapping[tuple[int, int], float]) -> float:
    """The error at the first setting that was measured."""
    return next(100 - by_setting[setting] for setting in _SETTINGS if setting in by_setting)


def _error_axis(axes: Any, which: str, errors: Sequence[float]) -> None:
    """A logarithmic axis of errors in per cent."""
    _plain_logarithms(axes, which)
    axes.set(**{f"{which}lim": (0.85 * min(errors), min(100.0, 1.2 * max(errors)))})
    axes.grid(color="0.9")


def _plain_logarithms(axes: Any, which: str) -> None:
    """A logarithmic axis with plain numbers: 0.5, 1, 2, 5."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}")


def read_losses(folder: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Minutes and losses of each training whose curve was kept."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["loss"]]
        found[path.stem] = [float(row["seconds"]) / 60 for row in rows], [float(row["loss"]) for row in rows]
    return found


def draw_losses(path: Path, losses: Mapping[str, tuple[list[float], list[float]]]) -> None:
    """The losses of trainings over time, each in its own part of the picture and on its own scale."""
    columns = 4
    rows = -(-len(losses) // columns)
    figure = empty_figure(9, 0.4 + 1.5 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(losses) :]:
        axes.set_axis_off()
    for axes, (name, (minutes, values)) in zip(grid.flat, losses.items(), strict=False):
        axes.plot(minutes, values, color=BLUE, linewidth=1.2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.set_xlim(0, None)
        axes.set_title(name, loc="left", fontsize=9)
        if max(values) > 10 * min(values) > 0:
            _plain_logarithms(axes, "y")
    figure.supxlabel("minutes on one core, beside other work", fontsize=9)
    figure.supylabel("training loss", fontsize=9)
    save(figure, path, colours=64)


def _short(name: str) -> str:
    return name.removeprefix("omniglot-")


def main(options: Options) -> int:
    """Draw all pictures whose figures are there."""
    accuracies = read_accuracies(options.results)
    losses = read_losses(options.results / "training")
    pictures: dict[str, Any] = {}
    if accuracies:
        sizes = {name: sum(each.numel() for each in build(name, {}).learner.parameters()) for name in accuracies}
        pictures["errors-by-setting.png"] = lambda path: draw_settings(path, accuracies)
        pictures["errors-by-size.png"] = lambda path: draw_sizes(path, accuracies, sizes)
    if losses:
        pictures["training.png"] = lambda path: draw_losses(path, losses)
    for name, draw in pictures.items():
        draw(options.out / name)
        print(options.out / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,))))
