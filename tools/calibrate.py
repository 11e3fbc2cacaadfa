"""Fit the calibration of weights on free classes, store it with them, and measure it on test classes.

python tools/calibrate.py [NAME|RUN ...] [--tasks 300] [--test-tasks 200] [--data-root DIR]

Free are classes that neither made the weights nor test them: `protocols/lineage.py` finds them. Without names: all
shipped classifiers of single images. The numbers of the weights stay as they are. The figures go to
benchmarks/results/calibration-NAME.json. Run it after `tools/ship.py`, which writes weights without a calibration, and
then run `benchmarks/report/tables.py`.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from quickstudy.core import UserError, load_trained, save_trained
from quickstudy.datasets import DataError
from quickstudy.pretrained import available, describe, file_of
from quickstudy.protocols import CalibrationOptions, CalibrationResult, calibrate, open_weights
from quickstudy.protocols.records import write_json


@dataclass(frozen=True, kw_only=True)
class Options(CalibrationOptions):
    """On which tasks to calibrate, and where to leave the figures."""

    out: Path = Path(__file__).parent.parent / "benchmarks/results"
    """Folder for the JSON files."""
    only_measure: bool = False
    """Do not change the file of the weights."""


def store(result: CalibrationResult) -> Path:
    """Write the calibration into the header of the weights, and return their file."""
    path = file_of(result.weights.name)
    tensors, header = load_trained(path)
    save_trained(path, tensors, replace(header, calibration=result.calibration.to_json()))
    return path


def classifiers() -> list[str]:
    """The shipped weights that classify images one by one."""
    return [name for name in available() if _is_classifier(name)]


def _is_classifier(name: str) -> bool:
    return describe(name).is_trained and open_weights(name).experiment.validate_by == "queries"


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options) -> int:
    """Calibrate the weights of these names or run folders."""
    try:
        for name in names or classifiers():
            result = calibrate(open_weights(name), options)
            record = result.record()  # First: once the file of shipped weights has changed, the commit is not clean.
            if not options.only_measure:
                store(result)
            path = options.out / f"calibration-{Path(name).name.removesuffix('.safetensors')}.json"
            write_json(path, record)
            print(path, flush=True)
    except (UserError, DataError) as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
