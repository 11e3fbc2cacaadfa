"""How many pairs of key and value three memories hold: Hopfield network, linear attention, delta rule.

python benchmarks/accuracy/associative_recall.py [--sizes 4 8 ...] [--tasks 50] [--out FILE] [--picture FILE]

Keys are random unit vectors, values random signs. The pairs are written in a random order, then each key is asked for.
A value counts as recalled if it is the most similar one of all that were written. In the second setting, each key is
written twice with different values, and the later one counts.

Letters: T tasks, L pairs, D numbers of a key, V numbers of a value.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.plots import empty_figure
from quickstudy.networks.hopfield import recall
from quickstudy.protocols.records import write_json

_ROOT = Path(__file__).parents[2]
ONCE, TWICE = "each key once", "each key twice, the later value counts"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many pairs, how large they are, and where the figures go."""

    sizes: tuple[int, ...] = (4, 8, 16, 32, 48, 64, 96, 128, 256, 512, 1024)
    """Different keys that a memory has to hold."""
    tasks: int = 50
    """Tasks of each size."""
    key_size: int = 64
    """Numbers of a key, and of a value."""
    beta: float = 32.0
    """Inverse temperature of the Hopfield network."""
    seed: int = 0
    """Decides keys, values and their order."""
    out: Path = _ROOT / "benchmarks" / "results" / "associative_recall.json"
    """The JSON file to write."""
    picture: Path = _ROOT / "docs" / "associative_recall.png"
    """The picture to write."""


def summed(keys: Tensor, values: Tensor) -> Tensor:
    """Linear attention: the matrix (T, V, D) that is the sum of all products v kᵀ."""
    return values.transpose(-1, -2) @ keys


def corrected(keys: Tensor, values: Tensor) -> Tensor:
    """The delta rule: each pair replaces what its key finds, W ← W + (v − W k) kᵀ, (T, V, D)."""
    weights = values.new_zeros(len(keys), values.shape[-1], keys.shape[-1])
    for key, value in zip(keys.unbind(1), values.unbind(1), strict=True):
        found = (weights @ key[..., None]).squeeze(-1)
        weights = weights + (value - found)[..., None] * key[:, None]
    return weights


Memory = Callable[[Tensor, Tensor, Tensor], Tensor]


def memories(beta: float) -> dict[str, Memory]:
    """By name: from keys (T, L, D), values (T, L, V) and queries (T, Q, D) to what is found, (T, Q, V)."""
    return {
        "Hopfield network": lambda keys, values, queries: recall(queries, keys, values, beta),
        "linear attention": lambda keys, values, queries: queries @ summed(keys, values).transpose(-1, -2),
        "delta rule": lambda keys, values, queries: queries @ corrected(keys, values).transpose(-1, -2),
    }


def pairs(size: int, setting: str, options: Options, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The keys that are asked for, then keys and values in the order in which they are written.

    The pairs that count are the last ones, in the order of the keys that are asked for.
    """
    keys = torch.randn(options.tasks, size, options.key_size, generator=generator)
    keys = F.normalize(keys, dim=-1)
    times = 2 if setting == TWICE else 1
    shape = (options.tasks, times * size, options.key_size)
    values = torch.randint(2, shape, generator=generator) * 2.0 - 1.0
    return keys, keys.repeat(1, times, 1), values


def measure(options: Options) -> list[dict[str, Any]]:
    """Share recalled and relative squared error of every memory at every size, in both settings."""
    records = []
    for setting in (ONCE, TWICE):
        for size in options.sizes:
            generator = torch.Generator().manual_seed(options.seed)
            asked, keys, values = pairs(size, setting, options, generator)
            found = {name: memory(keys, values, asked) for name, memory in memories(options.beta).items()}
            judged = {name: _judged(each, values, size) for name, each in found.items()}
            records.append({"setting": setting, "pairs": size, "memories": judged})
    return records


def _judged(found: Tensor, values: Tensor, size: int) -> dict[str, Any]:
    right = values[:, -size:]
    distances = torch.cdist(found, values)
    # Where two values are equally near, each is recalled half of the time.
    is_nearest = distances <= distances.amin(dim=-1, keepdim=True) * (1 + 1e-4)
    share_right = is_nearest[..., -size:].diagonal(dim1=1, dim2=2) / is_nearest.sum(dim=-1)
    error = (found - right).square().sum(dim=-1) / right.square().sum(dim=-1)
    return {
        "recalled": Interval.over(share_right.mean(dim=1)).record(),
        "relative_squared_error": Interval.over(error.mean(dim=1)).record(),
    }


def draw(path: Path, records: Sequence[dict[str, Any]], key_size: int) -> None:
    """One panel for each setting: the share of values that each memory recalls.

    Raises:
        UserError: if matplotlib is not installed.
    """
    figure = empty_figure(10, 3.8)
    colours = dict(zip(memories(1.0), ("#3b6fb6", "#dd8452", "#5aa02c"), strict=True))
    for place, setting in enumerate((ONCE, TWICE), start=1):
        axes = figure.add_subplot(1, 2, place)
        chosen = [record for record in records if record["setting"] == setting]
        for name, colour in colours.items():
            shares = [100 * record["memories"][name]["recalled"]["mean"] for record in chosen]
            axes.plot([record["pairs"] for record in chosen], shares, color=colour, marker="o", ms=3.5, label=name)
        axes.axvline(key_size, color="0.7", linestyle=":")
        axes.set(xscale="log", xlabel="different keys", ylim=(0, 104), ylabel="values recalled, %")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_title(setting.capitalize(), loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9")
        if place == 1:
            axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main(options: Options = Options()) -> int:
    """Measure, write the figures and draw them."""
    records = measure(options)
    protocol = {
        "keys": f"random unit vectors of {options.key_size} numbers",
        "values": f"{options.key_size} random signs",
        "tasks": options.tasks,
        "beta": options.beta,
        "seed": options.seed,
        "figures": "mean over tasks, ± 95 % interval",
    }
    about = {"benchmark": "associative_recall", "protocol": protocol, "provenance": provenance()}
    try:
        draw(options.picture, records, options.key_size)
    except UserError as error:
        print(f"associative_recall: {error}", file=sys.stderr)
        return 2
    write_json(options.out, {**about, "records": records})
    print(f"written  {options.out} and {options.picture}")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
