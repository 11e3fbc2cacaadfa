"""Put a run's best weights into the package, where `quickstudy.load` finds them by the name of their recipe.

python tools/ship.py RUN [--name NAME] [--half]

Half precision halves a large file; `load` gives full precision again. Measure what was shipped, not the run.
"""

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

import quickstudy.pretrained
from quickstudy.core import Header, Parent, UserError, in_half_precision, load_trained, save_trained
from quickstudy.core.header import UNKNOWN
from quickstudy.training.run import METRICS


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the weights are stored."""

    name: str | None = None
    """What `quickstudy.load` will call them, if not the recipe's name."""
    half: bool = False
    """Store numbers in half precision."""
    folder: Path = Path(quickstudy.pretrained.__file__).parent
    """Where to put them."""
    curves: Path = Path(__file__).parent.parent / "benchmarks/results/training"
    """Where to put the losses of the training, for `benchmarks/report/pictures.py`."""


def ship(run: Path, options: Options) -> Path:
    """Copy the weights, and return where they are now.

    Raises:
        UserError: if nobody could find out which sources they were trained with, or a number is too large for --half.
    """
    tensors, header = load_trained(run / "best.safetensors")
    for commit in (part.commit for part in header.ancestors()):
        if commit == UNKNOWN or commit.endswith("-dirty"):
            raise UserError(
                f"{run} was trained on sources of commit '{commit}', which nobody can go back to. "
                "Commit first, then train in a clean checkout."
            )
    if options.half:
        tensors, header = in_half_precision(tensors, header)
    path = options.folder / f"{options.name or header.recipe}.safetensors"
    save_trained(path, tensors, _without_folders(header))
    if (run / METRICS).exists():
        options.curves.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / METRICS, options.curves / f"{path.stem}.csv")
    return path


def _without_folders(header: Header) -> Header:
    """The same header; of the folders of runs that weights started from, only the last part of the name is left."""
    parents = (Parent(Path(name).name, _without_folders(parent)) for name, parent in header.parents)
    return replace(header, parents=tuple(parents))


def main(run: Annotated[Path, tyro.conf.Positional], options: Options) -> int:
    """Ship the best weights of a run's folder."""
    try:
        path = ship(run, options)
    except UserError as error:
        print(f"ship: {error}", file=sys.stderr)
        return 2
    print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
