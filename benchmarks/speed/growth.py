"""What a larger support costs: milliseconds to adapt to one task and to answer its queries, learner by learner.

python benchmarks/speed/growth.py [--out FILE] [--rounds 5] [--seconds 1] [--picture docs/growth.png] [--stored]

Features go in as they are, without an encoder, so that nothing hides what the learners themselves do.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import nn

from quickstudy.cli.freed_memory import keep_freed_memory
from quickstudy.core import Learner, Tasks, unchecked_distributions
from quickstudy.evaluation import provenance
from quickstudy.learners.cnp import CNPClassifier
from quickstudy.learners.mann import MANN
from quickstudy.learners.protonet import ProtoNet
from quickstudy.learners.snail import SNAIL
from quickstudy.learners.transformer import InContextTransformer
from quickstudy.protocols.records import spread, write_json
from snail_cache import FEATURES, Setting, random_task
from timing import PAIRING, Work, paired_rates

ADAPTING, ANSWERING = "adapting", "answering"
_WAYS = 5
_SHOTS = (1, 2, 5, 10, 20, 40)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to measure, and where to leave the figures."""

    out: Path = Path(__file__).parents[1] / "results" / "growth.json"
    """The JSON file to write."""
    rounds: int = 5
    """Rounds; the middle one is what counts."""
    seconds: float = 1.0
    """Seconds that each step of each learner has in a round."""
    picture: Path | None = None
    """A PNG file to draw the curves into, which needs matplotlib; docs/growth.png is the project's."""
    stored: bool = False
    """Measure nothing; show what `out` holds."""


def learners(max_examples: int) -> dict[str, Learner]:
    """Each as it is built for 5 ways; SNAIL reaches as far as the largest support."""
    torch.manual_seed(0)
    built: dict[str, Learner] = {
        "ProtoNet": ProtoNet(nn.Identity()),
        "CNP": CNPClassifier(nn.Identity(), FEATURES, decoder="shared"),
        "transformer": InContextTransformer(nn.Identity(), FEATURES, max_ways=_WAYS),
        "SNAIL": SNAIL(nn.Identity(), FEATURES, max_ways=_WAYS, max_examples=max_examples),
        "MANN": MANN(FEATURES, max_ways=_WAYS),
    }
    return {name: learner.eval() for name, learner in built.items()}


def measure(rounds: int, seconds: float, shots: Sequence[int] = _SHOTS) -> list[dict[str, Any]]:
    """For each support's size: milliseconds of each step of each learner."""
    built = learners(_WAYS * max(shots))
    return [_measure_size(built, Setting(_WAYS, count), rounds, seconds) for count in shots]


def draw(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Two panels, adapting and answering: a curve for each learner, its name at the end, both axes logarithmic."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(10, 4.4), layout=ConstrainedLayoutEngine(wspace=0.06))  # Room for the names.
    names = list(records[0]["milliseconds"])
    colours = dict(zip(names, matplotlib.colormaps["viridis"](_evenly(len(names), 0.8)), strict=True))
    supports = [record["support"] for record in records]
    panels = figure.subplots(1, 2, sharey=True)
    for axes in panels:
        _set_scales(axes, supports)
    curves = [
        _draw_curves(axes, records, step, colours) for axes, step in zip(panels, (ADAPTING, ANSWERING), strict=True)
    ]
    for axes, ends in zip(panels, curves, strict=True):  # After all curves, which the shared scale follows.
        _name_ends(axes, supports[-1], ends, colours)
    queries = records[0]["queries"]
    panels[0].set_title("Adapting to one task", loc="left")
    panels[1].set_title(f"Answering its {queries} queries", loc="left")
    panels[0].set_ylabel("milliseconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def spaced(heights: Mapping[str, float], apart: float) -> dict[str, float]:
    """The same heights from the lowest up, moved as little as needed to be that far apart.

    Those too close together move as one group, whose middle stays where it was.
    """
    groups: list[list[str]] = []
    for name in sorted(heights, key=lambda name: heights[name]):
        groups.append([name])
        while len(groups) > 1 and _bottom(groups[-1], heights, apart) < _top(groups[-2], heights, apart) + apart:
            last = groups.pop()
            groups[-1] += last
    return {
        name: _bottom(group, heights, apart) + index * apart for group in groups for index, name in enumerate(group)
    }


def main(options: Options) -> int:
    if options.stored:
        records = json.loads(options.out.read_text(encoding="utf-8"))["sizes"]
    else:
        records = _measured(options)
        Console().print(f"written  {options.out}", soft_wrap=True, highlight=False)
    _print(records)
    if options.picture is not None:
        draw(options.picture, records)
        Console().print(f"written  {options.picture}", soft_wrap=True, highlight=False)
    return 0


def _measured(options: Options) -> list[dict[str, Any]]:
    keep_freed_memory()  # As the command line does; for all learners.
    with unchecked_distributions():
        records = measure(options.rounds, options.seconds)
    write_json(
        options.out,
        {
            "benchmark": "growth",
            "protocol": {
                "work": f"one {_WAYS}-way task of {FEATURES} features at a time, no encoder, without gradients; "
                "milliseconds a call of adapt, and of predict for all queries at once",
                "learners": f"as the classes' defaults for {_WAYS} ways make them; SNAIL built for the largest support",
                "memory": "freed blocks are kept (quickstudy.cli.freed_memory)",
                "pairing": PAIRING,
                "rounds": options.rounds,
                "seconds": options.seconds,
            },
            "provenance": provenance(),
            "sizes": records,
        },
    )
    return records


def _measure_size(built: Mapping[str, Learner], setting: Setting, rounds: int, seconds: float) -> dict[str, Any]:
    tasks = random_task(setting, (FEATURES,))
    steps = {(name, step): work for name, learner in built.items() for step, work in _steps(learner, tasks).items()}
    works = {f"{name}, {step}": work for (name, step), work in steps.items()}
    rates = paired_rates(works, rounds, seconds, f"a support of {setting.support}")
    milliseconds: dict[str, dict[str, Any]] = {name: {} for name in built}
    for name, step in steps:
        milliseconds[name][step] = spread([1000 / rate for rate in rates[f"{name}, {step}"]])
    return {"support": setting.support, "queries": setting.queries, "milliseconds": milliseconds}


def _steps(learner: Learner, tasks: Tasks) -> dict[str, Work]:
    with torch.no_grad():
        state = learner.adapt(tasks.support_x, tasks.support_y)
    return {
        ADAPTING: _one(lambda: learner.adapt(tasks.support_x, tasks.support_y)),
        ANSWERING: _one(lambda: learner.predict(state, tasks.query_x)),
    }


def _one(call: Callable[[], Any]) -> Work:
    @torch.no_grad()
    def work() -> int:
        call()
        return 1

    return work


def _set_scales(axes: Any, supports: Sequence[int]) -> None:
    axes.set(xscale="log", yscale="log", xlabel=f"examples in the support, {_WAYS} classes")
    axes.set_xticks(supports, [str(support) for support in supports])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.tick_params(axis="y", length=0, labelleft=True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="y", color="0.9")


def _draw_curves(
    axes: Any, records: Sequence[Mapping[str, Any]], step: str, colours: Mapping[str, Any]
) -> dict[str, float]:
    """Curves of the middle rounds in a band from the fastest to the slowest; where each ends."""
    supports = [record["support"] for record in records]
    ends = {}
    for name, colour in colours.items():
        low, middle, high = (
            [record["milliseconds"][name][step][place] for record in records]
            for place in ("minimum", "median", "maximum")
        )
        axes.fill_between(supports, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(supports, middle, color=colour, linewidth=1.8, marker="o", markersize=4)
        ends[name] = middle[-1]
    return ends


def _name_ends(axes: Any, x: float, ends: Mapping[str, float], colours: Mapping[str, Any]) -> None:
    bottom, top = (math.log(limit) for limit in axes.get_ylim())
    places = spaced({name: math.log(height) for name, height in ends.items()}, 0.055 * (top - bottom))
    for name, place in places.items():
        axes.annotate(
            name,
            (x, math.exp(place)),
            xytext=(8, 0),
            textcoords="offset points",
            color=colours[name],
            va="center",
            annotation_clip=False,  # A name moved below the panel is still to be read.
        )


def _bottom(group: Sequence[str], heights: Mapping[str, float], apart: float) -> float:
    return sum(heights[name] for name in group) / len(group) - apart * (len(group) - 1) / 2


def _top(group: Sequence[str], heights: Mapping[str, float], apart: float) -> float:
    return _bottom(group, heights, apart) + apart * (len(group) - 1)


def _evenly(count: int, highest: float) -> list[float]:
    return [highest * index / max(1, count - 1) for index in range(count)]


def _print(records: Sequence[Mapping[str, Any]]) -> None:
    for step in (ADAPTING, ANSWERING):
        table = Table(title=f"{step}, milliseconds, median of the rounds", title_justify="left")
        for heading in ("support", *records[0]["milliseconds"]):
            table.add_column(heading, justify="right")
        for record in records:
            medians = (steps[step]["median"] for steps in record["milliseconds"].values())
            table.add_row(str(record["support"]), *(f"{median:,.2f}" for median in medians))
        Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.FlagCreatePairsOff,)
    sys.exit(main(tyro.cli(Options, description=__doc__, config=config)))
