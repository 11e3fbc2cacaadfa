"""Curves, drawn with matplotlib, which the extra `plots` brings."""

import csv
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from quickstudy.core import KnowsAnswers, Learner, Oracle, TaskDistribution, Tasks, UserError, unchecked_distributions

_SHOWN = (1, 2, 3, 4, 5, 10)
"""The instances that Santoro et al. (2016) show."""


def save_instances(path: Path, metrics: Path, tasks_per_step: int) -> None:
    """Accuracy at the 1st, 2nd, … drawing of a class over a training, as in figure 2 of Santoro et al. (2016).

    `metrics` is the CSV file of a training that was watched by instance.

    Raises:
        UserError: if matplotlib is not installed, or the file has no such figures.
    """
    episodes, curves = read_instances(metrics, tasks_per_step)
    figure, axes = _figure()
    colours = _colours(len(_SHOWN))
    for colour, number in zip(colours, _SHOWN, strict=True):
        axes.plot(episodes, curves[number], color=colour, linewidth=1.8)
    _name_ends(axes, episodes[-1], {_ordinal(number): curves[number][-1] for number in _SHOWN}, colours)
    axes.set(xlabel="training episodes", ylabel="right on validation classes, %", ylim=(0, 100), xlim=(0, None))
    axes.set_title("Accuracy by how often a class was seen", loc="left")
    figure.savefig(path, dpi=150, bbox_inches="tight")


def read_instances(metrics: Path, tasks_per_step: int) -> tuple[list[int], dict[int, list[float]]]:
    """Episodes at each look, and for each instance its percentages there."""
    with metrics.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("instance_1")]
    if not rows:
        raise UserError(f"{metrics} has no accuracy by instance. Train a recipe of sequences, such as MANN's.")
    episodes = [int(row["step"]) * tasks_per_step for row in rows]
    return episodes, {number: [100 * float(row[f"instance_{number}"]) for row in rows] for number in _SHOWN}


def _empty(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("Curves need matplotlib, which is not installed: pip install 'quickstudy[plots]'.") from None
    return Figure(figsize=(width, height), layout="constrained")


def _figure() -> tuple[Any, Any]:
    figure = _empty(7, 4.2)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    return figure, axes


def _colours(count: int) -> list[tuple[float, float, float, float]]:
    """Dark to light, so that the order of the lines can be seen."""
    import matplotlib

    return [matplotlib.colormaps["viridis"](0.85 * index / max(1, count - 1)) for index in range(count)]


def _name_ends(axes: Any, x: float, ends: dict[str, float], colours: list[tuple[float, float, float, float]]) -> None:
    """Write each line's name at its end, apart from one another where the lines end close together."""
    apart = 4.5
    by_height = sorted(zip(ends.items(), colours, strict=True), key=lambda end: -end[0][1])
    last = float("inf")
    for rank, ((name, height), colour) in enumerate(by_height):
        room_below = apart * (len(by_height) - 1 - rank)
        last = min(max(height, room_below), last - apart)
        axes.annotate(name, (x, last), xytext=(5, 0), textcoords="offset points", color=colour, va="center")


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")


def save_functions(path: Path, learner: Learner, tasks: TaskDistribution, seed: int = 0, count: int = 4) -> None:
    """A few functions: the support, the learner's mean and central 90 %, and the exact posterior where it is known.

    For inputs and values of one number.

    Raises:
        UserError: if matplotlib is not installed, or a function is of several numbers.
    """
    drawn, oracle = _drawn(tasks, torch.Generator(tasks.device).manual_seed(seed), count)
    if drawn.support_x.shape[-1] != 1 or drawn.support_y.shape[-1] != 1:
        raise UserError("Curves are of inputs and values of one number. Evaluate without a picture.")
    grid_TQ1 = _grid(drawn)
    weight = next(learner.parameters(), grid_TQ1)
    with torch.no_grad(), unchecked_distributions():
        batch = drawn.to(weight.device, weight.dtype)
        found: Any = learner.predict(learner.adapt(batch.support_x, batch.support_y), grid_TQ1.to(weight))
    figure = _panels(count)
    for index, axes in enumerate(figure.axes):
        _band(axes, grid_TQ1[index, :, 0], found.mean[index, :, 0], found.stddev[index, :, 0], _LEARNT, "learner")
        if oracle is not None:
            _exact(axes, drawn.query_x[index, :, 0], oracle, index)
        x, y = drawn.support_x[index, :, 0], drawn.support_y[index, :, 0]
        axes.plot(x.cpu(), y.cpu(), "o", color="black", markersize=4, label="support", zorder=3)
    named = figure.axes[0].get_legend_handles_labels()
    figure.legend(*named, loc="outside lower center", ncols=len(named[0]), frameon=False, fontsize=8)
    figure.suptitle("Mean and central 90 %", x=0.02, ha="left", fontsize=10)
    figure.savefig(path, dpi=150, bbox_inches="tight")


_LEARNT, _TRUE = "#3b6fb6", "#c44e52"
_WIDTH = 1.645  # Standard deviations from the mean to the ends of the central 90 %.


def _drawn(tasks: TaskDistribution, generator: torch.Generator, count: int) -> tuple[Tasks, Oracle | None]:
    if isinstance(tasks, KnowsAnswers):
        return tasks.sample_with_oracle(count, generator)
    return tasks.sample(count, generator), None


def _grid(drawn: Tasks) -> Tensor:
    """Places (T, 200, 1) from the lowest to the highest of any point."""
    places = torch.cat([drawn.support_x, drawn.query_x], dim=1)
    line = torch.linspace(float(places.min()), float(places.max()), 200, device=places.device, dtype=places.dtype)
    return line[None, :, None].expand(len(places), -1, 1)


def _exact(axes: Any, places_Q: Tensor, oracle: Oracle, index: int) -> None:
    """At the queries, which is where the exact posterior is known: a bar from end to end of the central 90 %."""
    known: Any = oracle.posterior
    mean, reach = known.mean[index, :, 0].cpu(), _WIDTH * known.stddev[index, :, 0].cpu()
    axes.errorbar(places_Q.cpu(), mean, reach, fmt="_", color=_TRUE, linewidth=1, label="exact, at the queries")


def _band(axes: Any, x: Tensor, mean: Tensor, deviation: Tensor, colour: str, name: str) -> None:
    x, mean, reach = x.cpu(), mean.cpu(), _WIDTH * deviation.cpu()
    axes.fill_between(x, mean - reach, mean + reach, color=colour, alpha=0.2, linewidth=0)
    axes.plot(x, mean, color=colour, linewidth=1.6, label=name)


def _panels(count: int) -> Any:
    columns, rows = min(2, count), -(-count // 2)
    figure = _empty(4.2 * columns, 2.8 * rows)
    for index in range(count):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
