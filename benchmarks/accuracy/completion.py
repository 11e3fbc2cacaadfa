"""How well images are completed from some of their pixels, and the gain from choosing uncertain pixels.

python benchmarks/accuracy/completion.py [NAME|RUN ...] [--images 1000] [--picture docs/completion.png] [--stored]

Leaves benchmarks/results/completion.json: squared errors of the pixels not given, on drawings of the test classes, of
each learner and of what needs no learning; and errors of whole images as pixels are shown one by one.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

import quickstudy
from quickstudy.core import Tasks, UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.completed_images import save_completions
from quickstudy.evaluation.plots import empty_figure, plain_axes
from quickstudy.protocols import CompletionOptions, measure_completion, open_weights
from quickstudy.protocols.completion_errors import CHOICES
from quickstudy.protocols.records import write_json
from quickstudy.sources import COMPLETION_LAYOUTS, Split, drawings_to_complete

_AT_ONCE = 50
SHIPPED = ("omniglot-completion-cnp", "omniglot-completion-conv-cnp")

Guess = Callable[[Tasks], Tensor]
"""The mean (T, Q, 1) that something without weights gives for a task's queries."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """On how many images, and where to leave the figures."""

    out: Path = Path(__file__).parents[1] / "results" / "completion.json"
    """The JSON file to write."""
    images: int = 1000
    """Images in each setting."""
    next_images: int = 200
    """Images shown pixel by pixel."""
    next_pixels: int = 100
    """Pixels shown of each."""
    split: Split = "lake"
    """Whose test classes are drawn from."""
    seed: int = 0
    """Decides the images and their pixels: the same for all."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    picture: Path | None = None
    """A PNG file for a sheet of the last learner; beside it next-pixel.png, the curves of chosen pixels."""
    stored: bool = False
    """Measure nothing; show what `out` holds."""

    @property
    def protocol(self) -> CompletionOptions:
        """The same for the library."""
        shared = ("images", "next_images", "next_pixels", "seed", "data_root")
        return CompletionOptions(**{name: getattr(self, name) for name in shared})


def measure(names: Sequence[str], options: Options) -> dict[str, Any]:
    """Everything, as it is stored."""
    images = drawings_to_complete(options.split, rotations=False)
    drawn, seen = images(options.data_root, "test"), images(options.data_root, "train")
    rows = {name: baseline_rows(guess, drawn, options) for name, guess in baselines(seen.images).items()}
    curves: dict[str, Any] = {}
    recipes: dict[str, str] = {}
    for name in names:
        weights, stem = open_weights(name), Path(name).name
        found = measure_completion(weights, drawn, options.protocol)
        rows[stem], curves[stem], recipes[stem] = found.setting_records(), found.errors, weights.recipe
    return {
        "benchmark": "completion",
        "protocol": {
            "images": f"drawings of 28×28 pixels of the test classes of {options.split}, unrotated",
            "squared_error": "mean over the pixels not given; interval over images",
            "next_pixel": "whole images, given pixels known, from none given on; variance or chance decides which next",
            "num_images": options.images,
            **{key: getattr(options, key) for key in ("next_images", "seed", "split")},
        },
        "provenance": provenance(),
        "learners": recipes,
        "settings": rows,
        "next_pixel": curves,
    }


def baselines(seen: Tensor) -> dict[str, Guess]:
    """What needs no learning, given images (N, H, W) to know the kind by."""
    mean_P = seen.float().mean(dim=0).flatten() / 255
    return {
        "mean image": lambda tasks: mean_P.view(28, 28)[tuple((28 * tasks.query_x).long().unbind(dim=-1))][..., None],
        "nearest pixel given": lambda tasks: nearest_mean(tasks, 1),
        "mean of the 5 nearest": lambda tasks: nearest_mean(tasks, 5),
    }


def nearest_mean(tasks: Tasks, count: int) -> Tensor:
    """The mean value of the given pixels closest to each query, (T, Q, 1)."""
    index_TQK = torch.cdist(tasks.query_x, tasks.support_x).topk(count, dim=2, largest=False).indices
    return tasks.support_y[:, None, :, 0].expand(-1, index_TQK.shape[1], -1).gather(2, index_TQK).mean(-1, keepdim=True)


def baseline_rows(guess: Guess, images: Any, options: Options) -> dict[str, Any]:
    """Squared errors of a guess in every setting, on the images that learners complete."""
    rows = {}
    for title, layout in COMPLETION_LAYOUTS.items():
        tasks, generator = images.with_layout(layout), torch.Generator().manual_seed(options.seed)
        errors: list[Tensor] = []
        while sum(map(len, errors)) < options.images:
            batch = tasks.sample(_AT_ONCE, generator)
            errors.append((guess(batch) - batch.query_y).square().mean(dim=(1, 2)).double())
        rows[title] = {"squared_error": Interval.over(torch.cat(errors)[: options.images]).record()}
    return rows


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options) -> int:
    """Measure learners that complete images; without names, those that come with the package."""
    names = names or list(SHIPPED)
    try:
        if options.stored:
            record = json.loads(options.out.read_text(encoding="utf-8"))
        else:
            with Progress(console=Console(stderr=True), transient=True) as progress:
                progress.add_task("measuring", total=None)
                record = measure(names, options)
            write_json(options.out, record)
        if options.picture is not None:
            images = drawings_to_complete(options.split, rotations=False)(options.data_root, "test")
            save_completions(options.picture, quickstudy.load(names[-1]), images, seed=options.seed)
            draw_next(options.picture.with_name("next-pixel.png"), record["next_pixel"])
    except UserError as error:
        print(f"completion: {error}", file=sys.stderr)
        return 2
    _print(record)
    return 0


def draw_next(path: Path, curves: dict[str, dict[str, list[float]]]) -> None:
    """Error by pixels shown: for each learner, where it is unsure (a line) and at random (dashes)."""
    figure = empty_figure(6.4, 4)
    axes = plain_axes(figure)
    for colour, (name, choices) in zip(("#3b6fb6", "#c44e52", "#55a868", "0.4"), curves.items(), strict=False):
        for choice, dashes in zip(CHOICES, ("-", "--"), strict=True):
            axes.plot(choices[choice], dashes, color=colour, linewidth=1.6, label=f"{name}, {choice}")
    axes.set(xlabel="pixels shown", ylabel="squared error of the whole image", xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def _print(record: dict[str, Any]) -> None:
    table = Table(title="squared error of pixels not given", title_justify="left")
    table.add_column("")
    for title in COMPLETION_LAYOUTS:
        table.add_column(title, justify="right")
    for name, settings in record["settings"].items():
        table.add_row(name, *(f"{settings[title]['squared_error']['mean']:.4f}" for title in COMPLETION_LAYOUTS))
    Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
