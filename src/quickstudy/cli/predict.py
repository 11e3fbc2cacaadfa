"""`quickstudy predict --support FOLDER --query FILES…`: from examples to answers."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from quickstudy.cli.adapt import AdaptOptions, adapted
from quickstudy.cli.options import parse, print_json
from quickstudy.core import UserError
from quickstudy.estimators.answers import Answer, Wanted
from quickstudy.estimators.stored_tasks import Task, load_task


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How answers are printed."""

    json: bool = False
    """Print one JSON object instead of a table."""
    csv: bool = False
    """Print CSV instead of a table."""
    none_of_these: bool = False
    """Say which queries are of none of the classes. The weights need a calibration (quickstudy card NAME)."""
    sets: float | None = None
    """Print a set of classes for each query that holds the true one with this probability: 0.8, 0.9 or 0.95."""


def run(arguments: list[str]) -> int:
    """Predict from command line arguments."""

    def command(
        reading: AdaptOptions,
        output: OutputOptions,
        *,
        support: Annotated[
            Path,
            tyro.conf.arg(help="A folder with a sub-folder for each class, a CSV file, or a file of quickstudy adapt."),
        ],
        query: Annotated[
            tuple[Path, ...], tyro.conf.arg(help="Images, texts, folders of them, or CSV files with the same columns.")
        ],
    ) -> tuple[AdaptOptions, OutputOptions, Path, tuple[Path, ...]]:
        return reading, output, support, query

    options, output, support, query = parse(command, "predict", arguments)
    if output.json and output.csv:
        raise UserError("--json and --csv were given, but only one of them can be printed. Leave one out.")
    if not query:
        raise UserError("--query names no file. Give images, or a CSV file for a table.")
    task = _task(support, options)
    answers = task.predict(list(query), Wanted(output.none_of_these, output.sets))
    _print(task, answers, output)
    for answer in answers:
        if answer.problem is not None:
            print(f"no answer: {answer.problem}", file=sys.stderr)
    if all(answer.problem is not None for answer in answers):
        raise UserError("No query could be answered.")
    return 0


def _task(support: Path, options: AdaptOptions) -> Task:
    if support.suffix != ".safetensors":
        return adapted(support, options)
    allowed = {"learner"}
    given = [
        f"--{each.name}"
        for each in fields(options)
        if each.name not in allowed and getattr(options, each.name) != each.default
    ]
    if given:
        raise UserError(f"{', '.join(given)}: {support} was adapted already. Leave that out, or adapt again.")
    return load_task(support, None if options.learner == "auto" else options.learner)


def _print(task: Task, answers: Sequence[Answer], output: OutputOptions) -> None:
    if output.json:
        print_json(
            {
                "learner": task.adapted.chosen.name,
                "classes": list(task.names) or None,
                "predictions": [answer.record() for answer in answers],
                "left_out": list(task.problems),
            }
        )
    elif output.csv:
        _print_csv(task, answers, output)
    elif any(answer.problem is None for answer in answers):
        _print_table(task, answers, output)


def _print_csv(task: Task, answers: Sequence[Answer], output: OutputOptions) -> None:
    headings = ["query", "mean", "low", "high"]
    if task.names:
        asked = ["none_of_these"] * output.none_of_these + ["set"] * (output.sets is not None)
        headings = ["query", "label", "confidence", *asked, *task.names]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(headings)
    for answer in answers:
        cells = _cells(task, answer)
        writer.writerow(cells + [""] * (len(headings) - len(cells)))


def _cells(task: Task, answer: Answer) -> list[Any]:
    if answer.problem is not None:
        return [answer.query]
    if answer.probabilities is None:
        return [answer.query, answer.mean, *(answer.interval90 or ("", ""))]
    asked = [] if answer.is_none_of_these is None else [answer.is_none_of_these]
    possible = [] if answer.possible is None else [" ".join(answer.possible)]
    probabilities = [answer.probabilities[name] for name in task.names]
    return [answer.query, answer.label, answer.confidence, *asked, *possible, *probabilities]


def _print_table(task: Task, answers: Sequence[Answer], output: OutputOptions) -> None:
    headings = ["query", "class", "confidence", "next"] if task.names else ["query", "mean", "in 90 %"]
    if output.sets is not None:
        headings.append(f"in {100 * output.sets:g} % of cases one of")
    table = Table()
    for heading in headings:
        is_number = heading in ("confidence", "mean", "in 90 %")
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")  # Names are never cut.
    for answer in answers:
        if answer.problem is None:
            table.add_row(*_texts(answer))
    Console().print(table)


def _texts(answer: Answer) -> list[str]:
    if answer.probabilities is None:
        low, high = answer.interval90 or (float("nan"), float("nan"))
        return [answer.query, f"{answer.mean:.5g}", f"{low:.5g} to {high:.5g}"]
    ranked = [f"{name} {probability:.1%}" for name, probability in answer.probabilities.items()]
    texts = [answer.query, str(answer.label), f"{answer.confidence:.1%}", ranked[1] if len(ranked) > 1 else ""]
    if answer.is_none_of_these:
        texts = [answer.query, "none of these", "", ranked[0]]
    return texts if answer.possible is None else [*texts, ", ".join(answer.possible) or "none"]
