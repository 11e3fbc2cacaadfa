"""What each head of a MANN does along sequences it was not trained on.

python tools/memory_heads.py NAME|RUN [--sequences 100] [--json]

A head that writes only where it read last, and reads equally everywhere, keeps no example apart from another; a key
strength of hundreds is a choice that no gradient reaches. Neither comes back by itself.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.evaluation.instance_table import as_sequence
from quickstudy.learners import MANN
from quickstudy.pretrained import describe, load
from quickstudy.protocols.records import json_text
from quickstudy.recipes import build

COLUMNS = {
    "sharpness": "times the cosines, on average",
    "written_where_read": "share of its writing that goes where it read last, the rest to a least used slot",
    "largest_read": "weight of the slot that it reads most, on average",
    "slots_read": "among how many slots its weights spread, of {slots}: their perplexity",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to look at."""

    sequences: int = 100
    """Sequences to look along."""
    json: bool = False
    """Print figures as JSON."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""


def observe(learner: MANN, x: Tensor, y: Tensor) -> list[dict[str, float]]:
    """What each head does along sequences, by the names in `COLUMNS`."""
    cell, state = learner.network.cell, learner.prior(len(x))
    seen = []
    with torch.no_grad():
        for step in range(x.shape[1]):
            state = learner.extend(state, x[:, step : step + 1], y[:, step : step + 1])
            h_TH, read_TRM = state.carried.controller.hidden, state.carried.memory.read_weights
            sharpness_TR = cell.sharpness_of(h_TH)
            spread_TR = torch.special.entr(read_TRM).sum(dim=-1).exp()
            largest_TR = read_TRM.amax(dim=-1)
            if sharpness_TR is None:
                sharpness_TR = torch.ones_like(largest_TR)
            seen.append(torch.stack([sharpness_TR, cell.gates(h_TH).sigmoid(), largest_TR, spread_TR], dim=-1))
    means_RF = torch.stack(seen).mean(dim=(0, 1))
    return [dict(zip(COLUMNS, row, strict=True)) for row in means_RF.tolist()]


def _learner(name: str) -> MANN:
    learner = load(name)
    if not isinstance(learner, MANN):
        raise UserError(f"'{name}' is a {type(learner).__name__}, which has no heads. Give weights of a MANN.")
    return learner


def _show(heads: list[dict[str, float]], slots: int) -> None:
    table = Table("head", *COLUMNS)
    for number, head in enumerate(heads):
        table.add_row(str(number), *(f"{value:.3g}" for value in head.values()))
    console = Console()
    console.print(table)
    for name, meaning in COLUMNS.items():
        console.print(f"{name}: {meaning.format(slots=slots)}", highlight=False)


def main(name: Annotated[str, tyro.conf.Positional], options: Options) -> int:
    """Show what the heads of a MANN do."""
    try:
        learner, header = _learner(name), describe(name)
        tasks = build(header.recipe, header.arguments).validation(options.data_root)
        x, y = as_sequence(tasks.sample(options.sequences, torch.Generator().manual_seed(0)).to("cpu", torch.float32))
        heads = observe(learner, x, y)
        if options.json:
            print(json_text({"weights": name, "heads": heads}, indent=None))
        else:
            _show(heads, learner.network.cell.sizes[0])
    except (UserError, ValueError) as error:
        print(f"memory_heads: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
