"""`quickstudy adapt SUPPORT --out FILE`: read examples once and keep what was learnt."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from quickstudy.cli.options import check_count, check_seed, parse
from quickstudy.cli.outputs import check_file
from quickstudy.core import UserError
from quickstudy.estimators.stored_tasks import Task, save_task
from quickstudy.estimators.table_task import Kind
from quickstudy.estimators.tasks_of_files import adapt


@dataclass(frozen=True, kw_only=True)
class AdaptOptions:
    """How examples are read."""

    learner: str = "auto"
    """Name of trained weights, or a run folder; auto chooses by the examples."""
    encoder: Literal["photos", "text"] | None = None
    """Read features of photographs, or of .txt files and a column of text. Needs the extra of the same name."""
    target: str | None = None
    """Of a CSV file: the column to predict; the last one if left out."""
    kind: Kind = "auto"
    """Of a CSV file: whether the target is a class or a value; auto decides by the numbers."""
    draws: int = 1
    """Rounds with random label slots and small movements over which predictions are averaged."""
    seed: int = 0
    """Decides the rounds."""


def run(arguments: list[str]) -> int:
    """Adapt from command line arguments."""

    def command(
        support: Annotated[
            Path,
            tyro.conf.Positional,
            tyro.conf.arg(metavar="SUPPORT", help="A folder with a sub-folder for each class, or a CSV file."),
        ],
        reading: AdaptOptions,
        *,
        out: Annotated[Path, tyro.conf.arg(help="The file to write, such as task.safetensors.")],
    ) -> tuple[Path, AdaptOptions, Path]:
        return support, reading, out

    support, options, out = parse(command, "adapt", arguments)
    if out.suffix != ".safetensors":
        raise UserError(f"--out {out} was given, but a file that ends in .safetensors was expected.")
    check_file("--out", out)
    task = adapted(support, options)
    save_task(out, task)
    print(f"task     {out}")
    return 0


def adapted(support: Path, options: AdaptOptions) -> Task:
    """The task of these examples. What could not be read is named on the error output.

    Args:
        support: A folder or a CSV file.
        options: How to read it.

    Raises:
        UserError: if no task can be made of it.
    """
    check_count("--draws", options.draws, 1)
    check_seed(options.seed)
    task = adapt(
        support,
        options.learner,
        target=options.target,
        kind=options.kind,
        num_draws=options.draws,
        seed=options.seed,
        encoder=options.encoder,
    )
    for problem in task.problems:
        print(f"left out: {problem}", file=sys.stderr)
    if len(task.names) == 1:
        print(f"All examples are of '{task.names[0]}', so every answer is. Add another class.", file=sys.stderr)
    return task
