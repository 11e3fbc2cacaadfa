"""The error in the 20 official one-shot runs of Lake et al. (2015), by the same code as `quickstudy evaluate`.

python benchmarks/accuracy/official_runs.py all_runs.zip [NAME|RUN ...] [--out FILE]

The zip file, or the folder that it holds, is in the Omniglot repository of Brenden Lake. Each run has 20 characters of
one alphabet, one drawing of each, and one new drawing of each by another person. Weights that refuse the runs, such as
those for five classes, are named and left out.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

import quickstudy
from measure import stem
from quickstudy.core import UserError
from quickstudy.datasets import DataError
from quickstudy.protocols import open_weights
from quickstudy.protocols.one_shot_runs import measure_official_runs
from quickstudy.protocols.records import write_json


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to leave the figures."""

    out: Path = Path(__file__).parents[1] / "results" / "official_runs.json"
    """The JSON file to write."""


def default_names() -> list[str]:
    """All weights for characters, and the nearest neighbour."""
    return [name for name in quickstudy.available() if name.startswith("omniglot-") or name == "glyphs-protonet"]


def measure(runs: Path, names: list[str]) -> list[dict[str, Any]]:
    """A record of each of these weights that can answer, the smallest error first."""
    records = []
    for name in names:
        try:
            found = measure_official_runs(open_weights(name), runs)
        except UserError as refusal:
            print(f"{name}: left out. {refusal}", file=sys.stderr)
            continue
        print(f"{name}: {found.interval}", file=sys.stderr, flush=True)
        command = f"quickstudy evaluate {stem(name)} --official-runs {runs.name} --json"
        records.append({**found.record(), "weights": stem(name), "command": command})
    return sorted(records, key=lambda record: float(record["error"]["mean"]))


def main(
    runs: Annotated[Path, tyro.conf.Positional], names: Annotated[list[str], tyro.conf.Positional], options: Options
) -> int:
    """Measure the weights of these names or run folders; without any, all that read characters."""
    try:
        records = measure(runs, names or default_names())
    except DataError as error:
        print(f"official_runs: {error}", file=sys.stderr)
        return 2
    write_json(options.out, records)
    print(options.out)
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
