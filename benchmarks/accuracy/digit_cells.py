"""Cells that agree on which digit they are part of: a neural cellular automaton on real digits of 8×8 pixels.

python benchmarks/accuracy/digit_cells.py [--picture docs/digit_cells.png] [--steps 1500] [--out FILE]

Writes benchmarks/results/digit_cells.json: over digits that were not trained on, the share that most cells name
rightly, and how many cells do so, after each update. The digits come with scikit-learn. One in four is kept for the
test.

Letters: B digits, H W the grid, N classes, U updates.
"""

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
from quickstudy.networks.cell_grid import CellGrid, vote
from quickstudy.protocols.records import write_json

_BATCH = 32
_LAST = 8  # Updates at the end of an unroll that count in the loss.


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to train, and where the figures go."""

    out: Path = Path(__file__).parents[1] / "results" / "digit_cells.json"
    """The JSON file to write."""
    steps: int = 1500
    """Steps of training."""
    updates: tuple[int, int] = (12, 20)
    """Fewest and most updates of an unroll in training. A random number prevents that cells count updates."""
    test_updates: int = 40
    """Updates in the test: more than in training, so it shows whether the cells keep to what they agreed on."""
    learning_rate: float = 2e-3
    """The rate of Adam at the start; it falls to zero."""
    seed: int = 0
    """Decides the division of the digits, the weights and the training."""
    picture: Path | None = None
    """A PNG file that shows digits and what their cells say."""


@dataclass(frozen=True)
class Digits:
    """Real digits, divided."""

    train_x: Tensor
    """(B, 8, 8), 0 for paper and 1 for ink."""
    train_y: Tensor
    """(B,)."""
    test_x: Tensor
    """(B, 8, 8), of which none is in the training part."""
    test_y: Tensor
    """(B,)."""


def load_digits(seed: int) -> Digits:
    """The 1,797 digits of scikit-learn, divided at random: one in four is for the test.

    Raises:
        UserError: if scikit-learn is missing.
    """
    try:
        from sklearn import datasets
    except ImportError:
        raise UserError("The digits come with scikit-learn. Install it: pip install '.[dev]'") from None
    found = datasets.load_digits()
    x = torch.as_tensor(found.images, dtype=torch.float32) / 16
    y = torch.as_tensor(found.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    test, train = order[: len(y) // 4], order[len(y) // 4 :]
    return Digits(x[train], y[train], x[test], y[test])


def train(digits: Digits, options: Options) -> CellGrid:
    """Cells that were trained to name the digit that they are part of."""
    torch.manual_seed(options.seed)
    cells = CellGrid()
    optimiser = torch.optim.Adam(cells.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, options.steps))
    for step in range(options.steps):
        chosen_B = torch.randint(len(digits.train_y), (_BATCH,))
        images, labels = digits.train_x[chosen_B], digits.train_y[chosen_B]
        updates = int(torch.randint(options.updates[0], options.updates[1] + 1, ()))
        loss = cells.loss(cells(images, updates)[-_LAST:], images, labels)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(cells.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}  loss {loss.item():.3f}", file=sys.stderr, flush=True)
    return cells.eval()


@torch.no_grad()
def measure(cells: CellGrid, digits: Digits, options: Options) -> list[dict[str, Any]]:
    """One record for each update: how many digits and how many cells are right."""
    generator = torch.Generator().manual_seed(options.seed)
    alive_BHW = cells.alive(digits.test_x)
    records = []
    for number, logits_BHWN in enumerate(cells(digits.test_x, options.test_updates, generator), start=1):
        class_B, share_B = vote(logits_BHWN, alive_BHW)
        is_right_BHW = (logits_BHWN.argmax(dim=-1) == digits.test_y[:, None, None]) & alive_BHW
        right_B = is_right_BHW.sum(dim=(1, 2)) / alive_BHW.sum(dim=(1, 2))
        records.append(
            {
                "updates": number,
                "most cells right": Interval.over((class_B == digits.test_y).double()).record(),
                "nine in ten cells right": Interval.over((right_B >= 0.9).double()).record(),
                "cells right": Interval.over(right_B).record(),
                "cells that agree": Interval.over(share_B).record(),
            }
        )
    return records


@torch.no_grad()
def draw(path: Path, cells: CellGrid, digits: Digits, options: Options) -> None:
    """A row for each of some digits: the drawing, then what each cell says after some updates, one colour a class."""
    import matplotlib

    shown = [int((digits.test_y == label).nonzero()[0]) for label in range(10)]
    images, last = digits.test_x[shown], options.test_updates
    moments = (*(each for each in (1, 3, 6, 10, 20) if each < last), last)
    said = cells(images, options.test_updates, torch.Generator().manual_seed(options.seed)).argmax(dim=-1)
    figure = empty_figure(6.4, 9)
    grid = figure.subplots(10, 1 + len(moments))
    colours = matplotlib.colormaps["tab10"]
    alive_BHW = cells.alive(images)
    for row in range(10):
        grid[row, 0].imshow(1 - images[row].numpy(), cmap="gray", vmin=0, vmax=1)
        for column, moment in enumerate(moments, start=1):
            painted = torch.as_tensor(colours(said[moment - 1, row].numpy()))
            painted[~alive_BHW[row]] = 1.0
            grid[row, column].imshow(painted.numpy())
            if row == 0:
                grid[row, column].set_title(f"{moment} updates" if moment > 1 else "1 update", fontsize=8)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    handles = [matplotlib.patches.Patch(color=colours(label), label=str(label)) for label in range(10)]
    figure.legend(handles=handles, loc="outside lower center", ncols=10, frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main(options: Options) -> int:
    """Train the cells, measure them on digits never seen, and write the figures."""
    try:
        digits = load_digits(options.seed)
    except UserError as error:
        print(f"digit_cells: {error}", file=sys.stderr)
        return 2
    start = time.process_time()
    cells = train(digits, options)
    seconds = round(time.process_time() - start, 1)
    records = measure(cells, digits, options)
    protocol = {
        "digits": f"scikit-learn's 8×8 digits: {len(digits.train_y)} to train on, {len(digits.test_y)} to test",
        "updates": f"{options.updates[0]} to {options.updates[1]} in training; at each, half of the cells change",
        "steps": options.steps,
        "seed": options.seed,
        "parameters": sum(parameter.numel() for parameter in cells.parameters()),
        "figures": "over test digits, mean ± 95 % interval",
    }
    about = {"benchmark": "digit_cells", "protocol": protocol, "provenance": provenance()}
    write_json(options.out, {**about, "training CPU seconds": seconds, "records": records})
    if options.picture is not None:
        draw(options.picture, cells, digits, options)
    for record in records[4::5]:
        shares = [f"{record[name]['mean']:.1%}" for name in ("most cells right", "cells right")]
        print(f"{record['updates']} updates: most cells right {shares[0]}, cells right {shares[1]}")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(main(tyro.cli(Options, description=__doc__, config=config)))
