"""Curves, drawn with matplotlib, which the extra `plots` brings."""

import csv
from pathlib import Path
from typing import Any

from quickstudy.core import UserError

_SHOWN = (1, 2, 3, 4, 5, 10)
"""The instances that Santoro et al. (2016) show."""


def save_instances(path: Path, metrics: Path, tasks_per_step: int) -> None:
    """Draw the accuracy at the 1st, 2nd, … drawing of a class over a training, as in figure 2 of Santoro et al. (2016).

    Args:
        path: File of the picture.
        metrics: CSV file of a training whose validations counted accuracy by instance.
        tasks_per_step: Tasks of each step of the training.

    Raises:
        UserError: if matplotlib is not installed, or the file has no such figures.
    """
    episodes, curves = read_instances(metrics, tasks_per_step)
    figure = empty_figure(7, 4.2)
    axes = plain_axes(figure)
    shades = colours(len(_SHOWN))
    for colour, number in zip(shades, _SHOWN, strict=True):
        axes.plot(episodes, curves[number], color=colour, linewidth=1.8)
    _name_ends(axes, episodes[-1], {_ordinal(number): curves[number][-1] for number in _SHOWN}, shades)
    axes.set(xlabel="training episodes", ylabel="right on validation classes, %", ylim=(0, 100), xlim=(0, None))
    axes.set_title("Accuracy by how often a class was seen", loc="left")
    figure.savefig(path, dpi=150, bbox_inches="tight")


def read_instances(metrics: Path, tasks_per_step: int) -> tuple[list[int], dict[int, list[float]]]:
    """Episodes at each validation, and for each instance its percentages there.

    Args:
        metrics: CSV file of a training whose validations counted accuracy by instance.
        tasks_per_step: Tasks of each step of the training.

    Raises:
        UserError: if the file has no such figures.
    """
    with metrics.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("instance_1")]
    if not rows:
        raise UserError(f"{metrics} has no accuracy by instance. Train a recipe of sequences, such as MANN's.")
    episodes = [int(row["step"]) * tasks_per_step for row in rows]
    return episodes, {number: [100 * float(row[f"instance_{number}"]) for row in rows] for number in _SHOWN}


def empty_figure(width: float, height: float) -> Any:
    """A figure with nothing on it.

    Args:
        width: In inches.
        height: In inches.

    Raises:
        UserError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("Curves need matplotlib, which is not installed: pip install 'quickstudy[plots]'.") from None
    return Figure(figsize=(width, height), layout="constrained")


def plain_axes(figure: Any) -> Any:
    """Axes that fill a figure, with few lines.

    Args:
        figure: The figure.
    """
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    return axes


def colours(count: int) -> list[tuple[float, float, float, float]]:
    """Colours from dark to light, so that the order of lines can be seen.

    Args:
        count: Number of colours.
    """
    import matplotlib

    return [matplotlib.colormaps["viridis"](0.85 * index / max(1, count - 1)) for index in range(count)]


def _name_ends(axes: Any, x: float, ends: dict[str, float], shades: list[tuple[float, float, float, float]]) -> None:
    """Write each line's name at its end, apart from one another where the lines end close together."""
    apart = 4.5
    by_height = sorted(zip(ends.items(), shades, strict=True), key=lambda end: -end[0][1])
    last = float("inf")
    for rank, ((name, height), colour) in enumerate(by_height):
        room_below = apart * (len(by_height) - 1 - rank)
        last = min(max(height, room_below), last - apart)
        axes.annotate(name, (x, last), xytext=(5, 0), textcoords="offset points", color=colour, va="center")


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
