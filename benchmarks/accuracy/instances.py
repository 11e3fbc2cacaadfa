"""How often the 1st, 2nd, … 10th drawing of a class is classified correctly, by the same code as `quickstudy evaluate`.

python benchmarks/accuracy/instances.py [NAME|RUN ...] [--classes 5 15] [--sequences 1000] [--out DIR] [--data-root DIR]

Leaves one file for each learner, instances-NAME.json, a list with one record for each number of classes. A record
holds the command that gives the same figures, what the learner is, and the result.
"""

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import quickstudy
from measure import progress_bar, stem
from quickstudy.core import UserError
from quickstudy.datasets import DataError
from quickstudy.evaluation.instance_table import ReadsSequences
from quickstudy.protocols import SequenceOptions, Weights, measure_sequences, open_weights
from quickstudy.protocols.records import interval_text, write_json

RECIPES = (
    "omniglot-nearest",
    "omniglot-autoencoder",
    "omniglot-lstm",
    "omniglot-mann-sequences",
    "omniglot-mann-strings",
)
"""Made for sequences."""
PAPERS_SIZE = 20
"""Side of the paper's images; trained learners get images of their own training's size."""
PROTOCOL = (
    "ten drawings of each class, all in random order, the label of each shown with the next one; of each sequence the "
    "mean over its classes, then mean and 95 % interval over sequences"
)
_TELLING = (
    "classes",
    "labels",
    "controller",
    "is_recurrent",
    "key_strength",
    "blur",
    "size",
    "tasks_per_step",
    "steps",
)


class Setting(NamedTuple):
    """Sequences to evaluate on."""

    classes: int
    size: int | None
    """None is the size of the training."""
    rotated: bool = False

    def arguments(self, name: str, sequences: int) -> list[str]:
        """The arguments of the command, from `evaluate` on."""
        size = [] if self.size is None else ["--size", str(self.size)]
        numbers = ["--ways", str(self.classes), *size, "--tasks", str(sequences), *["--rotated"] * self.rotated]
        return ["evaluate", name, "--instances", "--data", "omniglot", "--split", "vinyals", *numbers, "--json"]


class Reader(NamedTuple):
    """A learner that reads sequences."""

    weights: Weights
    labels: str
    """one-hot, strings, or copied: whatever they are, the answer is one of those given before."""

    def settings(self, classes: tuple[int, ...]) -> list[Setting]:
        """As many classes as slots were built for; where that is left open, each of the numbers given.

        First the characters upright, then in four rotations, as in the paper.
        """
        size = None if self.weights.is_trained else PAPERS_SIZE
        built_for = self.weights.arguments.get("classes") if self.labels == "one-hot" else None
        counts = classes if built_for is None else (built_for,)
        return [Setting(count, size, rotated) for rotated in (False, True) for count in counts]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure, and where to leave the figures."""

    classes: tuple[int, ...] = (5, 15)
    """Classes in a sequence; a learner with slots for a number of classes is evaluated at that one."""
    sequences: int = 1000
    """Sequences of each number of classes."""
    out: Path = Path(__file__).parents[1] / "results"
    """Folder for the JSON files."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""


def default_names() -> list[str]:
    """All that `quickstudy.load` knows of the recipes made for sequences."""
    return [name for name in quickstudy.available() if open_weights(name).recipe in RECIPES]


def reader(name: str) -> Reader:
    """What is known of the learner.

    Raises:
        UserError: if there is none of that name, or it reads no sequences.
    """
    weights = open_weights(name)
    learner = weights.learner
    if not isinstance(learner, ReadsSequences):
        raise UserError(
            f"'{name}' is a {type(learner).__name__}, which reads no sequences. "
            f"Leave it out; those of these recipes do: {', '.join(RECIPES)}."
        )
    return Reader(weights, weights.labels if learner.labels_are_slots else "copied")


def measure(reading: Reader, setting: Setting, sequences: int, data_root: Path | None) -> dict[str, Any]:
    """One setting's record: which learner and sequences, and what the command prints.

    A run's folder is named without where it lies, so the command is to be given beside it.
    """
    weights = reading.weights
    options = SequenceOptions(
        classes=setting.classes,
        sequences=sequences,
        size=setting.size,
        rotated=setting.rotated,
        data_root=data_root,
    )
    result = measure_sequences(weights, options).record()
    name = Path(weights.name).resolve().name if Path(weights.name).exists() else weights.name
    return {
        "weights": stem(weights.name),
        "recipe": weights.recipe,
        "trained_on": weights.trained_on,
        "arguments": {key: weights.arguments[key] for key in _TELLING if key in weights.arguments},
        **weights.training,
        "labels": reading.labels,
        "classes": setting.classes,
        "rotated": setting.rotated,
        "command": shlex.join(["quickstudy", *setting.arguments(name, sequences)]),
        "protocol": PROTOCOL,
        "result": {**result, "weights": name},
    }


def measure_all(reading: Reader, options: Options, progress: Progress) -> Path:
    """All settings of one learner, written to its file."""
    settings = reading.settings(options.classes)
    task = progress.add_task(reading.weights.name, total=len(settings), setting="")
    records = []
    for setting in settings:
        progress.update(task, setting=f"{setting.classes} classes")
        if progress.disable:
            print(f"{reading.weights.name}: {setting.classes} classes", file=sys.stderr, flush=True)
        records.append(measure(reading, setting, options.sequences, options.data_root))
        progress.advance(task)
    progress.update(task, setting="done")
    path = options.out / f"instances-{stem(reading.weights.name)}.json"
    write_json(path, records)
    return path


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options) -> int:
    """Measure the weights of these names or run folders; without any, all known ones made for sequences."""
    try:
        # All are opened first, so that a mistake does not end hours of measuring.
        readers = [reader(name) for name in names or default_names()]
        with progress_bar() as progress:
            paths = [measure_all(reading, options, progress) for reading in readers]
    except (UserError, DataError) as error:
        print(f"instances: {error}", file=sys.stderr)
        return 2
    for path in paths:
        _print(path)
    return 0


def _print(path: Path) -> None:
    records = json.loads(path.read_text(encoding="utf-8"))
    table = Table(title=str(path), title_justify="left")
    table.add_column("drawing of its class", justify="right")
    for record in records:
        rotated = ", rotated" * record["rotated"]
        table.add_column(f"{record['classes']} classes{rotated}", justify="right")
    by_instance = zip(*(record["result"]["accuracy_by_instance"] for record in records), strict=True)
    for number, found in enumerate(by_instance, start=1):
        table.add_row(str(number), *(f"{interval_text(each, 2, times=100)} %" for each in found))
    Console().print(table)


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
