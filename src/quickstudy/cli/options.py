"""What the commands share: reading options, and printing what came out."""

import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from quickstudy.core import UserError
from quickstudy.core.recipe_options import flattened
from quickstudy.evaluation import Evaluation, FunctionEvaluation, InstanceTable
from quickstudy.protocols import FinalResult, TrialTable
from quickstudy.protocols.records import json_text


def parse(function: Callable[..., Any], program: str, arguments: list[str], *, both_flags: bool = False) -> Any:
    """Read a typed function's arguments from the command line and call it; a mistake exits with code 2.

    With `both_flags` a switch has a flag for each of its two states, such as --jitter and --no-jitter.
    """
    return tyro.cli(
        function,
        prog=f"quickstudy {program}",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, *(() if both_flags else (tyro.conf.FlagCreatePairsOff,))),
    )


def check_count(option: str, count: int, least: int) -> None:
    """Raise UserError where a count is below the least that means something."""
    if count < least:
        raise UserError(f"{option} {count} was given, but a whole number from {least} was expected.")


def check_seed(seed: int) -> None:
    """Raise UserError where no generator takes a seed."""
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed {seed} was given, but a whole number from 0 to 2^63 - 1 was expected.")


def captured(function: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """A function of the same signature and documentation that returns its options instead of using them."""

    @functools.wraps(function)
    def capture(**arguments: Any) -> dict[str, Any]:
        return flattened(arguments)

    # The help would keep the line breaks in the text of an option.
    capture.__doc__ = re.sub(r"\n {8,}", " ", inspect.getdoc(function) or "")
    return capture


def print_json(value: Mapping[str, Any]) -> None:
    """One object on standard output."""
    print(json_text(value))


def print_evaluations(title: str, rows: Mapping[str, Evaluation]) -> None:
    """A table on standard output: a row for each setting."""
    Console().print(title, soft_wrap=True, highlight=False)
    table = Table()
    for heading in ("setting", "accuracy", "neg. log-likelihood", "calibration error", "tasks"):
        table.add_column(
            heading, justify="left" if heading == "setting" else "right", no_wrap=heading in ("setting", "accuracy")
        )
    for name, row in rows.items():
        table.add_row(
            name,
            str(row.accuracy),
            f"{row.negative_log_likelihood:.3f} nats",
            f"{100 * row.calibration_error:.2f} %",
            f"{row.tasks:,}",
        )
        for shots, accuracy in row.by_shots.items():
            table.add_row(f"  of {shots} {'shots' if shots > 1 else 'shot'}", str(accuracy), "", "", "")
    Console().print(table)


def print_instances(title: str, rows: Mapping[str, InstanceTable]) -> None:
    """A table on standard output: a row for each instance, a column for each setting."""
    Console().print(title, soft_wrap=True, highlight=False)
    table = Table()
    table.add_column("drawing of its class", justify="right")
    for name in rows:
        table.add_column(name, justify="right")
    for number in range(max(len(row.accuracy) for row in rows.values())):
        table.add_row(str(number + 1), *(str(row.accuracy[number]) for row in rows.values()))
    Console().print(table)


def print_functions(title: str, rows: Mapping[str, FunctionEvaluation]) -> None:
    """A table on standard output: a row for each setting, with a dash for figures that do not exist there."""
    tasks = ", ".join(sorted({f"{row.tasks:,}" for row in rows.values()}))
    Console().print(f"{title}, {tasks} tasks each", soft_wrap=True, highlight=False)
    table = Table()
    table.add_column("setting")
    # Of real series nobody knows the best answer.
    has_oracle = any(row.oracle is not None for row in rows.values())
    for heading in ("log-likelihood", *(["oracle", "share of the gap"] if has_oracle else []), "sq. error", "in 90 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in rows.items():
        known = (
            "–" if row.oracle is None else f"{row.oracle.mean:.3f}",
            "–" if row.closed is None else f"{row.closed:.1%}",
        )
        table.add_row(
            name,
            row.log_likelihood.text(3),
            *(known if has_oracle else ()),
            f"{row.squared_error.mean:.4g}",
            "–" if row.coverage90 is None else f"{row.coverage90.mean:.1%}",
        )
    Console().print(table)


def print_trials(title: str, rows: Mapping[str, TrialTable]) -> None:
    """A table on standard output for each setting: a row for the learner and for each rule."""
    for setting, found in rows.items():
        Console().print(f"{title}: {setting}, {found.tasks:,} tasks", soft_wrap=True, highlight=False)
        table = Table()
        table.add_column("who acts")
        for heading in next(iter(found.figures.values())):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, figures in found.figures.items():
            table.add_row(name, *(value.text(3 if abs(value.mean) < 2 else 2) for value in figures.values()))
        Console().print(table)


_PRINTERS: dict[str, Callable[[str, Any], None]] = {
    "queries": print_evaluations,
    "instances": print_instances,
    "functions": print_functions,
    "trials": print_trials,
}


def print_final_test(found: FinalResult, *, as_json: bool) -> None:
    """Print the table of a test at the end of a training, draw its pictures and name the files.

    Args:
        found: What the test found.
        as_json: Whether to print one JSON object instead.
    """
    if not as_json:
        _PRINTERS[found.kind](found.title, found.rows)
    problems = found.draw()
    if problems:  # All of them want the same library.
        print(problems[0], file=sys.stderr)
    if as_json:
        print_json(found.record())
        return
    lines = [f"weights  {found.folder}", *(f"picture  {picture}" for picture in found.drawn)]
    Console().print("\n".join(lines), soft_wrap=True, highlight=False)
