"""A task of a CSV file: rows with a target, which is a class or a value, and rows to answer."""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from quickstudy.core import UserError
from quickstudy.estimators.adapted import AdaptedClassifier
from quickstudy.estimators.adapted_values import MOST_POINTS, AdaptedRegressor
from quickstudy.estimators.answers import NOTHING_MORE, Answer, Wanted, class_answers, value_answers
from quickstudy.estimators.chosen import COLUMNS, CURVES, TABLES, Chosen, choose, is_of_values
from quickstudy.estimators.csv_tables import ROW, CSVTable, as_values, last_column, read_csv

Kind = Literal["auto", "classes", "values"]
_INTERVAL = 0.05, 0.95


class TableTask:
    """A learner that was adapted to the rows of a table.

    Args:
        columns: The columns of numbers.
        target: The column of the target.
        names: The classes; empty if the target is a value.
        adapted: The learner, adapted to the rows.
        problems: Rows that could not be read, and what to do.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        target: str,
        names: tuple[str, ...],
        adapted: AdaptedClassifier | AdaptedRegressor,
        problems: tuple[str, ...] = (),
    ) -> None:
        self.columns, self.target, self.names, self.adapted, self.problems = columns, target, names, adapted, problems

    @classmethod
    def of(
        cls,
        file: Path,
        learner: str | Path = "auto",
        num_draws: int = 1,
        seed: int = 0,
        *,
        target: str | None = None,
        kind: Kind = "auto",
    ) -> "TableTask":
        """Read the rows of a CSV file. Rows that cannot be read are named in `problems`.

        Args:
            file: A CSV file with a header.
            learner: A name of trained weights or a run folder. "auto" takes the general learner of curves for values of
                a single column, Gaussian processes averaged over kernels for values of several, and the kernel
                transformer for classes.
            num_draws: Rounds over which predictions of classes are averaged.
            seed: Decides the rounds.
            target: The column to predict. None takes the last one.
            kind: Whether the target is a class or a value. "auto" takes text and repeated whole numbers for classes.

        Raises:
            UserError: if the table cannot be read, or the learner does not fit it.
        """
        target = last_column(file) if target is None else target
        table = read_csv(file, target)
        problems = tuple(table.problems.values())
        if not table.rows or table.target is None:
            raise UserError(f"No row of {file} can be read. {problems[0] if problems else 'Add rows.'}")
        named = None if learner == "auto" else choose(learner)
        if kind == "auto" and named is not None and is_of_values(named.learner):
            kind = "values"  # Repeated whole numbers may be values too.
        values = _values(table, kind, file)
        if values is None and table.columns == (ROW,):
            raise UserError(f"{file} has no column beside '{target}'. Add columns of numbers.")
        default = TABLES if values is None else CURVES if len(table.columns) == 1 else COLUMNS
        chosen = choose(default) if named is None else named
        _refuse_other_kind(chosen, values is not None, default)
        if values is not None:
            process = AdaptedRegressor(chosen).adapt(table.numbers, values, MOST_POINTS, seed)
            return cls(table.columns, target, (), process, problems)
        names = tuple(sorted(set(table.target)))
        labels = np.array([names.index(each) for each in table.target])
        adapted = AdaptedClassifier(chosen, len(names), num_draws, seed).adapt(_rows(table.numbers), labels)
        return cls(table.columns, target, names, adapted, problems)

    def predict(
        self, queries: str | os.PathLike[str] | list[str | os.PathLike[str]], wanted: Wanted = NOTHING_MORE
    ) -> list[Answer]:
        """Answer the rows of CSV files. A row that cannot be read gets an answer that says why.

        Args:
            queries: CSV files with the columns of the examples. A column of the target is not read.
            wanted: What to say beside the probabilities of classes.

        Raises:
            UserError: if a file cannot be read, or lacks a column, or more is wanted than the learner says.
        """
        if isinstance(self.adapted, AdaptedRegressor) and wanted != NOTHING_MORE:
            raise UserError(
                "Values are predicted here, so there are neither sets of classes nor 'none of these'. Leave that out."
            )
        files = [queries] if isinstance(queries, str | os.PathLike) else list(queries)
        answers = []
        for file in files:
            table = read_csv(Path(file), columns=self.columns)
            named = iter(self._answers(table, "" if len(files) == 1 else f"{file}:", wanted))
            order = sorted([*table.rows, *table.problems])
            answers += [
                Answer(str(row), problem=table.problems[row]) if row in table.problems else next(named) for row in order
            ]
        return answers

    def _answers(self, table: CSVTable, prefix: str, wanted: Wanted) -> list[Answer]:
        queries = [f"{prefix}{row}" for row in table.rows]
        if isinstance(self.adapted, AdaptedClassifier):
            return class_answers(self.adapted, queries, _rows(table.numbers), self.names, wanted)
        means, _ = self.adapted.mean_and_deviation(table.numbers)
        return value_answers(queries, means, self.adapted.quantiles(table.numbers, _INTERVAL))


def _values(table: CSVTable, kind: Kind, file: Path) -> np.ndarray | None:
    """The target as values. None if it names classes."""
    if kind == "classes":
        return None
    values = as_values(table.target or ())
    if kind == "values" and values is None:
        try:
            return np.array([float(each) for each in table.target or ()])
        except ValueError:
            raise UserError(f"The target of {file} holds text, but values were expected. Choose classes.") from None
    return values


def _refuse_other_kind(chosen: Chosen, needs_values: bool, default: str) -> None:
    if is_of_values(chosen.learner) != needs_values or chosen.reads_drawings:
        wanted = "values" if needs_values else "classes"
        raise UserError(
            f"'{chosen.name}' does not predict {wanted} from columns of numbers. Choose another learner, such as "
            f"'{default}'."
        )


def _rows(numbers: np.ndarray) -> np.ndarray:
    # In single precision squares of larger numbers would be infinite.
    return numbers.astype(np.float32) if abs(numbers).max(initial=0) < 1e15 else numbers
