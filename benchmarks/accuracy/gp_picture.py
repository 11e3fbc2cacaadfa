"""The picture of `benchmarks/accuracy/gp_regression.py`: likelihood and speed by the points given."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from quickstudy.evaluation.plots import empty_figure
from quickstudy.protocols.records import spread

ORACLE = "exact posterior"
"""What the contender is called that knows each task's kernel."""
_COLOURS = ("#3b6fb6", "#5aa02c", "#7b4fa3")
_FITTED = ("#f0b27a", "#dd8452", "#b5651d", "#6e3b0c")
_TRUE = "#c44e52"
_LOWEST, _HIGHEST = -1.5, 0.1
"""Nats; what is worse by far is not to squeeze all else, and nothing is better but by luck."""


def draw(path: Path, record: Mapping[str, Any]) -> None:
    """Two panels: how far the contenders' likelihood is from the exact posterior's, and tasks a second.

    Raises:
        UserError: if matplotlib is not installed.
    """
    figure = empty_figure(10, 4.2)
    likelihood, speed = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    sizes = record["sizes"]
    supports = [size["support"] for size in sizes]
    colours = _colours(record)
    for axes in (likelihood, speed):
        axes.set(xscale="log", xlabel="points given")
        axes.set_xticks(supports, [str(support) for support in supports])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9")
    for name in colours:
        found = [size["contenders"][name]["minus"][ORACLE] for size in sizes]
        _line(likelihood, supports, found, colours[name])
    likelihood.axhline(0, color=_TRUE, linewidth=1.2, label=ORACLE)
    for name in sizes[0]["tasks_per_second"]:
        rates = [spread(size["tasks_per_second"][name]) for size in sizes]
        _band(speed, supports, rates, colours[name.removesuffix(", one at a time")], name)
    likelihood.set_ylim(max(_LOWEST, likelihood.get_ylim()[0]), _HIGHEST)
    likelihood.set_title("Log-likelihood beside the exact posterior's, nats a query", loc="left", fontsize=10)
    speed.set(yscale="log")
    speed.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    speed.set_title("Tasks per second", loc="left", fontsize=10)
    handles, names = ([*fast, *exact] for fast, exact in zip(*map(_legend, (speed, likelihood)), strict=True))
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def _legend(axes: Any) -> tuple[list[Any], list[str]]:
    handles, names = axes.get_legend_handles_labels()
    return handles, names


def _colours(record: Mapping[str, Any]) -> dict[str, str]:
    """By contender, the oracle aside."""
    learnt = list(record["learners"])
    others = [name for name in record["sizes"][0]["contenders"] if name not in (*learnt, ORACLE)]
    return {**dict(zip(learnt, cycle(_COLOURS), strict=False)), **dict(zip(others, cycle(_FITTED), strict=False))}


def _line(axes: Any, supports: Sequence[int], found: Sequence[Mapping[str, Any]], colour: str) -> None:
    mean = [each["mean"] for each in found]
    reach = [math.nan if each["interval95"] is None else each["interval95"] for each in found]  # No bar is drawn.
    axes.errorbar(supports, mean, reach, color=colour, marker="o", markersize=3.5, capsize=2, linewidth=1.6)


def _band(axes: Any, supports: Sequence[int], rates: Sequence[Mapping[str, float]], colour: str, name: str) -> None:
    low, middle, high = ([rate[place] for rate in rates] for place in ("minimum", "median", "maximum"))
    style = ":" if name.endswith("one at a time") else "-"
    axes.fill_between(supports, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(supports, middle, color=colour, linewidth=1.6, linestyle=style, marker="o", markersize=3.5, label=name)
