"""Pictures of how values of functions are predicted, drawn with matplotlib."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import KnowsAnswers, Learner, Oracle, TaskDistribution, Tasks, UserError, unchecked_distributions
from quickstudy.evaluation.function_values import LEVELS, FunctionEvaluation
from quickstudy.evaluation.intervals import Interval
from quickstudy.evaluation.plots import colours, empty_figure, plain_axes
from quickstudy.evaluation.quantiles import central_interval

_LEARNT, _TRUE = "#3b6fb6", "#c44e52"


def save_functions(path: Path, learner: Learner, panels: Sequence[TaskDistribution], seed: int = 0) -> None:
    """Draw functions: the support, the learner's mean and central 90 %, and the exact posterior if it is known.

    There is one function of each distribution. Its curve goes from query to query, so use many queries.

    Args:
        path: File of the picture.
        learner: The learner.
        panels: Distributions of functions whose inputs and values have one number.
        seed: Decides the functions.

    Raises:
        UserError: if matplotlib is not installed, or a function is of several numbers.
    """
    rows, columns = -(-len(panels) // 2), min(2, len(panels))
    figure = empty_figure(4.5 * columns, 2.8 * rows)
    for index, tasks in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.spines[["top", "right"]].set_visible(False)
        _function(axes, learner, *_drawn(tasks, torch.Generator(tasks.device).manual_seed(seed + index)))
    named = figure.axes[0].get_legend_handles_labels()
    figure.legend(*named, loc="outside lower center", ncols=len(named[0]), frameon=False, fontsize=9)
    figure.suptitle("Mean and central 90 %", x=0.02, ha="left", fontsize=10)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def save_calibration(path: Path, evaluations: Mapping[str, FunctionEvaluation]) -> None:
    """Draw the share of values in the central intervals against the share that should be there, a line for each title.

    Args:
        path: File of the picture.
        evaluations: Evaluations by title.

    Raises:
        UserError: if matplotlib is not installed, or a prediction had no quantiles.
    """
    figure = empty_figure(4.8, 4.6)
    axes = plain_axes(figure)
    axes.plot([0, 100], [0, 100], color="0.7", linewidth=1, linestyle="--", label="exact")
    nominal = [100 * level for level in LEVELS]
    for colour, (title, evaluation) in zip(colours(len(evaluations)), evaluations.items(), strict=True):
        if evaluation.coverage is None:
            raise UserError(f"The predictions of '{title}' have no quantiles, so no interval to be right about.")
        found = [100 * interval.mean for interval in evaluation.coverage]
        axes.plot(nominal, found, marker="o", markersize=4, linewidth=1.6, color=colour, label=title)
    axes.set(xlabel="central interval, %", ylabel="values inside, %", xlim=(0, 100), ylim=(0, 100), aspect="equal")
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    axes.set_title("Above the line: too unsure; below: too sure", loc="left", fontsize=10)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def save_likelihoods(path: Path, by_size: Mapping[int, FunctionEvaluation]) -> None:
    """Draw the log-likelihood by the number of given points, beside those of the exact posterior and of the prior.

    Args:
        path: File of the picture.
        by_size: Evaluations by number of given points.

    Raises:
        UserError: if matplotlib is not installed.
    """
    figure = empty_figure(6.4, 4)
    axes = plain_axes(figure)
    sizes = sorted(by_size)
    rows = [by_size[size] for size in sizes]
    lines = (
        ("exact posterior", _TRUE, [row.oracle for row in rows]),
        ("learner", _LEARNT, [row.log_likelihood for row in rows]),
        ("no support seen", "0.5", [row.prior for row in rows]),
    )
    for name, colour, intervals in lines:
        known: list[Interval] = [interval for interval in intervals if interval is not None]
        if len(known) == len(sizes):
            mean = [each.mean for each in known]
            reach = [math.nan if each.interval95 is None else each.interval95 for each in known]  # No bar is drawn.
            axes.errorbar(sizes, mean, reach, color=colour, marker="o", markersize=4, capsize=2, label=name)
    axes.set(xlabel="points given", ylabel="log-likelihood, nats a query", xticks=sizes)
    axes.legend(loc="best", frameon=False, fontsize=9)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def _drawn(tasks: TaskDistribution, generator: torch.Generator) -> tuple[Tasks, Oracle | None]:
    if isinstance(tasks, KnowsAnswers):
        return tasks.sample_with_oracle(1, generator)
    return tasks.sample(1, generator), None


def _function(axes: Any, learner: Learner, drawn: Tasks, oracle: Oracle | None) -> None:
    if drawn.support_x.shape[-1] != 1 or drawn.support_y.shape[-1] != 1:
        raise UserError("Curves are of inputs and values of one number. Evaluate without pictures.")
    weight = next(learner.parameters(), drawn.query_x)
    with torch.no_grad(), unchecked_distributions():
        batch = drawn.to(weight.device, weight.dtype)
        found = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    x = drawn.query_x.flatten().cpu()
    if oracle is not None:
        _curve(axes, x, oracle.posterior, _TRUE, "exact posterior", is_filled=False)
    _curve(axes, x, found, _LEARNT, "learner", is_filled=True)
    given = drawn.support_x.flatten().cpu(), drawn.support_y.flatten().cpu()
    axes.plot(*given, "o", color="black", markersize=4, label="support", zorder=3)


def _curve(axes: Any, x: Tensor, said: Distribution, colour: str, name: str, *, is_filled: bool) -> None:
    """The mean, and the band from end to end of the central 90 % where the prediction has quantiles."""
    order = x.argsort()
    interval = central_interval(said, 0.9)
    if interval is not None:
        low, high = (end.flatten().cpu()[order] for end in interval)
        if is_filled:
            axes.fill_between(x[order], low, high, color=colour, alpha=0.2, linewidth=0)
        else:
            axes.plot(x[order], torch.stack([low, high], dim=1), color=colour, linewidth=0.8, linestyle=":")
    axes.plot(x[order], said.mean.flatten().cpu()[order], color=colour, linewidth=1.6, label=name)
