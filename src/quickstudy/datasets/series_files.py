"""A user's own series for a training: CSV files, divided by series into training, validation and test."""

import csv
import hashlib
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quickstudy.datasets.download import DataError
from quickstudy.datasets.pictures import Split

FEWEST_SERIES = 10
"""Six for training, and two each for validation and test."""
_FEWEST_POINTS = 2
"""One to give and one to predict."""
_SHARE = 0.2
"""Of the series, for the test and for validation."""
_SUFFIXES = {".csv", ".tsv", ".txt"}
_SEPARATORS = ",;\t|"
_GAPS = {"", "nan", "na", "n/a", "null", "none"}
"""What a cell without a value holds, in lower case."""
_NAMED = 5  # Files or series that a message names.


class Columns(NamedTuple):
    """Which columns hold what. An empty name leaves the choice to the number of columns."""

    series: str = ""
    """The name of the series, where one file holds all of them."""
    place: str = ""
    """The place of a point."""
    value: str = ""
    """The value of a point."""


_ANY = Columns()


class Series(NamedTuple):
    """Series of any lengths, in the order of their names."""

    names: tuple[str, ...]
    """Of each series: its file without the suffix, or its name in the column of series."""
    places: tuple[np.ndarray, ...]
    """Of each series the places of its points in rising order, float64."""
    values: tuple[np.ndarray, ...]
    """Of each series the values of its points, float64."""
    digests: tuple[str, ...]
    """Of each series 16 hexadecimal digits that follow from its points."""


class _Row(NamedTuple):
    """A row of numbers of one series; the value is NaN in a gap."""

    series: str
    place: float
    value: float


def read(source: Path | str, columns: Columns = _ANY, *, skip_unusable: bool = False) -> Series:
    """Read a folder of CSV files, one series each, or one CSV file that names the series of each row.

    A file of a series has one column, the value, or two, place and value; a file of all series has the name of the
    series before them. If there are more columns, name those that count. Where there is no place, it is the number of
    the row, from 1. A header is needed only to name columns. Rows without a value or a place are gaps.

    Args:
        source: The folder or the file.
        columns: Names of columns.
        skip_unusable: Leave out what cannot be read and series with a single point, and warn of them.

    Raises:
        DataError: there are no series, or something cannot be read.
    """
    root = Path(os.path.expanduser(source))
    rows: dict[str, list[_Row]] = {}
    problems = []
    if root.is_file():
        for row in _rows(root, columns, names_series=True):
            rows.setdefault(row.series, []).append(row)
    else:
        for path in _files(root):
            try:
                rows[path.stem] = _rows(path, columns, names_series=False)
            except DataError as error:
                problems.append(str(error))
    points = {name: _points(of_series) for name, of_series in sorted(rows.items())}
    problems += [
        f"Series '{name}' has {len(places)} point{'s' * (len(places) != 1)} with a value, but {_FEWEST_POINTS} are "
        "needed. Add points, or remove it."
        for name, (places, _) in points.items()
        if len(places) < _FEWEST_POINTS
    ]
    usable = {name: found for name, found in points.items() if len(found[0]) >= _FEWEST_POINTS}
    _tell(problems, skip_unusable and bool(usable))
    places, values = zip(*usable.values(), strict=True)
    return Series(tuple(usable), places, values, tuple(map(_digest, places, values)))


def split(names: Sequence[str], seed: int = 0) -> Split:
    """Divide series: about a fifth for the test, a fifth for validation, the others for training.

    Series are put into an order that the seed and their names decide. The first are the test, the next ones
    validation. So further points of a series move none to another part.

    Args:
        names: Names of the series.
        seed: Decides the order.

    Raises:
        DataError: there are too few series.
    """
    if len(names) < FEWEST_SERIES:
        raise DataError(
            f"There are {len(names)} series, but training, validation and test need {FEWEST_SERIES}. Add series. "
            "For one series no training is needed: quickstudy predict completes it with gp-general."
        )
    order = np.array(sorted(range(len(names)), key=lambda index: _order(names[index], seed)), dtype=np.int64)
    count = max(2, round(_SHARE * len(names)))
    test, validation, train = np.split(order, [count, 2 * count])
    return Split(*(np.sort(part) for part in (train, validation, test)))


def _order(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()


def _files(root: Path) -> list[Path]:
    if not root.is_dir():
        raise DataError(
            f"There is no folder or file {root}. Give a folder of CSV files, one series each, or one CSV file with a "
            "column that names the series."
        )
    found = sorted(
        path for path in root.iterdir() if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        raise DataError(f"{root} holds no files that end in .csv, .tsv or .txt. Give each series a file.")
    stems = [path.stem for path in found]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise DataError(f"{root} has several files for the series '{twice[0]}'. Rename or remove them.")
    return found


def _rows(path: Path, columns: Columns, *, names_series: bool) -> list[_Row]:
    cells = _cells(path)
    header = None if _is_of_numbers(cells[0][names_series:]) else [name.strip() for name in cells[0]]
    places = _chosen(path, header, len(cells[0]), columns, names_series=names_series)
    found = []
    numbers: dict[str, int] = {}
    for line, row in enumerate(cells[header is not None :], start=1 + (header is not None)):
        row += [""] * (len(cells[0]) - len(row))
        name = row[places["series"]].strip() if names_series else path.stem
        if names_series and not name:
            raise DataError(f"{path}, line {line} names no series. Name it, or remove the line.")
        numbers[name] = numbers.get(name, 0) + 1
        place = _number(path, line, row[places["place"]]) if "place" in places else float(numbers[name])
        found.append(_Row(name, place, _number(path, line, row[places["value"]])))
    return found


def _chosen(
    path: Path, header: list[str] | None, width: int, columns: Columns, *, names_series: bool
) -> dict[str, int]:
    """Which column is what."""
    given = {what: name for what, name in columns._asdict().items() if name and (names_series or what != "series")}
    if given and header is None:
        raise DataError(f"{path} has no header, but columns were named: {', '.join(given.values())}. Add a header.")
    if missing := [name for name in given.values() if name not in (header or ())]:
        raise DataError(f"{path} has no column '{missing[0]}'. It has: {', '.join(header or ())}. Name one of them.")
    found = {what: (header or []).index(name) for what, name in given.items()}
    left = [index for index in range(width) if index not in found.values()]
    needed = [what for what in (["series"] if names_series else []) + ["value"] if what not in found]
    optional = [] if "place" in found else ["place"]
    if len(left) < len(needed) or (needed and len(left) > len(needed) + len(optional)):
        what = "the name of the series, place and value" if names_series else "place and value"
        raise DataError(
            f"{path} has {width} column{'s' * (width != 1)}, but {what} were expected (the place may be missing). "
            "Name those that count with --series-column, --place-column and --value-column."
        )
    if needed[:1] == ["series"]:
        found["series"] = left.pop(0)
    if "value" in needed:
        found["value"] = left.pop()
        if optional and left:
            found["place"] = left.pop()
    return found


def _cells(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}). Save it as CSV in UTF-8.") from None
    lines = text.strip("\r\n").splitlines()
    if not text.strip():
        raise DataError(f"{path} is empty. Add rows, or remove it.")
    separator = max(_SEPARATORS, key=lines[0].count)
    # A line without text is a gap of a single column.
    return [row or [""] for row in csv.reader(lines, delimiter=separator)]


def _is_of_numbers(cells: list[str]) -> bool:
    def is_number(cell: str) -> bool:
        try:
            float(cell)
        except ValueError:
            return cell.strip().lower() in _GAPS
        return True

    return all(map(is_number, cells))


def _number(path: Path, line: int, cell: str) -> float:
    """The number of a cell; NaN in a gap."""
    text = cell.strip()
    if text.lower() in _GAPS:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise DataError(
            f"{path}, line {line} holds '{text}', but a number was expected, such as 3.5. Replace it, or leave the "
            "cell empty."
        )
    return number


def _points(rows: Sequence[_Row]) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of the rows that have both, in the order of places."""
    numbers = np.array([(row.place, row.value) for row in rows], dtype=np.float64).reshape(-1, 2)
    kept = numbers[~np.isnan(numbers).any(axis=1)]
    places, values = kept[np.argsort(kept[:, 0], kind="stable")].T
    return places, values


def _digest(places: np.ndarray, values: np.ndarray) -> str:
    points = np.stack([places, values]).astype("<f8").tobytes()
    return hashlib.blake2b(points, digest_size=8).hexdigest()


def _tell(problems: list[str], skip_unusable: bool) -> None:
    """Refuse what cannot be read, or warn of it."""
    if not problems:
        return
    several = " ".join(problems[:_NAMED]) + (f" And {len(problems) - _NAMED} more." if problems[_NAMED:] else "")
    if not skip_unusable:
        raise DataError(f"{several} Or leave such series out with --skip-unusable.")
    warnings.warn(f"left out: {several}", UserWarning, stacklevel=4)
