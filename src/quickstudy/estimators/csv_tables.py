"""CSV files as columns of numbers and one target. A row that cannot be read is named, the others are read."""

import csv
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quickstudy.core import UserError

_SEPARATORS = ",;\t|"
_MISSING = "", "nan"
"""What a target that is not known holds, in lower case."""
ROW = "row"
"""What the number of a row is called where it is the place of a point."""
_NAMED = 5
"""Columns named in a message."""


class CSVTable(NamedTuple):
    """The rows of a file that could be read."""

    columns: tuple[str, ...]
    """Names of the columns of numbers."""
    numbers: np.ndarray
    """(rows, columns) float64."""
    target: tuple[str, ...] | None
    """The text of the target in each row."""
    rows: tuple[int, ...]
    """The row of each, counted from 1 below the header."""
    problems: dict[int, str]
    """By row: why it could not be read, and what to do."""


def read_csv(path: Path, target: str | None = None, columns: tuple[str, ...] | None = None) -> CSVTable:
    """Read a table with a header. If there is nothing beside the target, the number of the row takes its place.

    Args:
        path: The file, with commas, semicolons, tabs or bars between columns.
        target: Name of the target's column. None takes no target.
        columns: The columns of numbers, if only some are meant. None takes all but the target.

    Raises:
        UserError: if the file cannot be read, or lacks a column.
    """
    header, rows = header_and_rows(path)
    if target is not None and target not in header:
        raise UserError(f"{path} has no column '{target}'. It has: {_few(header)}. Give one of them as --target.")
    wanted = tuple(name for name in header if name != target) if columns is None else columns
    wanted = wanted or (ROW,)
    counts_rows = wanted == (ROW,) and ROW not in header
    if missing := [name for name in wanted if name not in header and not counts_rows]:
        raise UserError(f"{path} lacks the columns {_few(missing)}. Give it the columns of the examples.")
    if not counts_rows:
        rows = [row for row in rows if any(row)]
    kept, numbers, targets, problems = [], [], [], {}
    for number, row in enumerate(rows, start=1):
        cells = dict(zip(header, row, strict=False))
        found = _numbers({**cells, ROW: str(number)} if counts_rows else cells, wanted, target)
        if isinstance(found, str):
            problems[number] = f"{path}, row {number}: {found}"
            continue
        kept.append(number)
        numbers.append(found)
        targets.append(row[header.index(target)].strip() if target is not None else "")
    array = np.array(numbers, dtype=np.float64).reshape(-1, len(wanted))
    return CSVTable(wanted, array, tuple(targets) if target is not None else None, tuple(kept), problems)


def last_column(path: Path) -> str:
    """The name of the last column of a file.

    Args:
        path: The file.

    Raises:
        UserError: if the file cannot be read.
    """
    return header_and_rows(path)[0][-1]


def header_and_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the cells of the rows below.

    Args:
        path: The file.

    Raises:
        UserError: if the file cannot be read, or its names are not usable.
    """
    try:
        text = Path(os.path.expanduser(path)).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"There is no file {path}. Give a CSV file with a header.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as UTF-8 text ({error}). Save it as CSV in UTF-8.") from None
    lines = text.strip("\r\n").splitlines()
    if not lines:
        raise UserError(f"{path} is empty. Give a CSV file with a header and rows.")
    separator = max(_SEPARATORS, key=lines[0].count)
    first, *rows = csv.reader(lines, delimiter=separator)
    header = [name.strip() for name in first]
    # A line without text is a gap of a single column, and counts as a row.
    rows = [row or [""] for row in rows if len(header) == 1 or any(cell.strip() for cell in row)]
    if len(set(header)) < len(header) or "" in header:
        raise UserError(f"The header of {path} has empty or equal names: {_few(header)}. Name each column.")
    if all(_number(name) is not None for name in header):
        raise UserError(f"The first line of {path} holds numbers, but names of columns were expected. Add a header.")
    return header, rows


def _numbers(cells: dict[str, str], wanted: tuple[str, ...], target: str | None) -> list[float] | str:
    """The numbers of a row, or why there are none."""
    if target is not None and cells.get(target, "").strip().lower() in _MISSING:
        return f"the target '{target}' is missing. Fill it in, or remove the row."
    found = []
    for name in wanted:
        cell = cells.get(name, "").strip()
        number = _number(cell)
        if number is None:
            what = f"'{cell}'" if cell else "nothing"
            return f"column '{name}' holds {what}, but a number was expected. Replace it, or remove the row."
        found.append(number)
    return found


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:_NAMED]) + more


def as_values(target: tuple[str, ...]) -> np.ndarray | None:
    """The target as numbers (rows,), if it is a value. None if it names classes.

    Text names classes, and so do whole numbers if most of them come more than once.

    Args:
        target: The text of each row.
    """
    numbers = [_number(each) for each in target]
    if any(each is None for each in numbers):
        return None
    values = np.array(numbers, dtype=np.float64)
    is_whole = bool((values == values.round()).all())
    return None if is_whole and len(np.unique(values)) <= len(values) / 2 else values
