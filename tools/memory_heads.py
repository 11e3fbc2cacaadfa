"""What each head of a MANN does along sequences it was not trained on, and weights in which some of them are new.

python tools/memory_heads.py NAME|RUN [--sequences 100] [--json] [--fresh 3 [--max_key_strength 41] --out RUN]

A head that writes only where it read last, and reads equally everywhere, keeps no example apart from another; a key
strength of hundreds is a choice that no gradient reaches. Neither comes back by itself. `--fresh` draws a head's key
and gate anew, and the network begins by ignoring what it reads; `--max-key-strength` lets all heads start at the key
strength of new ones, below that bound. Then `quickstudy train … --start-from RUN`.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from quickstudy.core import Header, UserError, save_trained
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
    """What to look at, and what to make new."""

    sequences: int = 100
    """Sequences to look along."""
    json: bool = False
    """Print figures as JSON."""
    fresh: tuple[int, ...] = ()
    """Heads to draw anew, from 0."""
    max_key_strength: float | None = None
    """Start all heads as sharp as new ones, and bound them."""
    out: Path | None = None
    """Run folder for the weights."""
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


def renewed(name: str, fresh: tuple[int, ...], max_key_strength: float | None) -> tuple[dict[str, Tensor], Header]:
    """Weights and header like those of `name`, but for these heads, and the sharpness of all where it is bounded.

    Raises:
        UserError: if there are no such heads.
    """
    header = describe(name)
    arguments = (
        header.arguments if max_key_strength is None else {**header.arguments, "max_key_strength": max_key_strength}
    )
    torch.manual_seed(0)
    new: Any = build(header.recipe, arguments).learner
    (_, width, heads), hidden = new.network.cell.sizes, new.network.cell.keys.in_features
    if not set(fresh) <= set(range(heads)):
        raise UserError(f"Fresh heads {fresh} were given, but '{name}' has heads 0 to {heads - 1}.")
    drawn, kept = new.state_dict(), load(name).state_dict()
    weights = {key: drawn[key] if max_key_strength and ".sharpness." in key else value for key, value in kept.items()}
    for head in fresh:
        key, read = (slice(start + head * width, start + (head + 1) * width) for start in (0, hidden))
        for part, rows in (("keys", key), ("gates", head), ("sharpness", head)):
            for place in (place for place in weights if f".cell.{part}." in place):
                weights[place][rows] = drawn[place][rows]
        for place in {"network.cell.from_before.weight", "network.output.weight"} & weights.keys():
            weights[place][:, read] = 0  # What it reads means nothing yet.
    drawn_anew = tuple(f"head {head}" for head in fresh)
    return weights, replace(header, arguments=arguments, reinitialised=drawn_anew)


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


def _write(run: Path, made: tuple[dict[str, Tensor], Header]) -> None:
    path = run / "best.safetensors"
    if path.exists():
        raise UserError(f"{path} exists already. Give another --out.")
    save_trained(path, *made)
    print(path, file=sys.stderr)


def main(name: Annotated[str, tyro.conf.Positional], options: Options) -> int:
    """Validation at the heads of a MANN, and write weights in which some are new."""
    try:
        learner, header = _learner(name), describe(name)
        if (bool(options.fresh) or options.max_key_strength is not None) != (options.out is not None):
            raise UserError(
                "New heads go to a run folder: give --out with --fresh or --max-key-strength, and only then."
            )
        tasks = build(header.recipe, header.arguments).validation(options.data_root)
        x, y = as_sequence(tasks.sample(options.sequences, torch.Generator().manual_seed(0)).to("cpu", torch.float32))
        heads = observe(learner, x, y)
        if options.json:
            print(json_text({"weights": name, "heads": heads}, indent=None))
        else:
            _show(heads, learner.network.cell.sizes[0])
        if options.out is not None:
            _write(options.out, renewed(name, options.fresh, options.max_key_strength))
    except (UserError, ValueError) as error:
        print(f"memory_heads: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
