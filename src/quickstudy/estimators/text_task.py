"""A task of texts: a sub-folder of .txt files for each class, or a CSV file with a column of text."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.core import UserError
from quickstudy.datasets.image_folder import is_hidden
from quickstudy.estimators.adapted import AdaptedClassifier
from quickstudy.estimators.answers import NOTHING_MORE, Answer, Wanted, class_answers
from quickstudy.estimators.chosen import FEATURES, choose
from quickstudy.estimators.csv_tables import header_and_rows
from quickstudy.estimators.encoders import as_encoder

_SUFFIX, _TABLES = ".txt", {".csv", ".tsv"}
Paths = Iterable[str | os.PathLike[str]]


class TextTask:
    """A learner that was adapted to texts.

    Args:
        names: The classes.
        adapted: The learner, adapted to them.
        encoder: "text", or a function that turns a list of texts into features (n, D).
        column: Of a CSV file, the column of text. None for files of text.
        problems: Texts that could not be read, and what to do.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        adapted: AdaptedClassifier,
        encoder: Any = "text",
        column: str | None = None,
        problems: tuple[str, ...] = (),
    ) -> None:
        self.names, self.adapted, self.encoder, self.column, self.problems = names, adapted, encoder, column, problems

    @classmethod
    def of(
        cls,
        support: Path,
        learner: str | Path = "auto",
        num_draws: int = 1,
        seed: int = 0,
        *,
        encoder: Any = "text",
        target: str | None = None,
    ) -> "TextTask":
        """Read examples. Texts that cannot be read are named in `problems`.

        Args:
            support: A folder with a sub-folder of .txt files for each class, or a CSV file with two columns.
            learner: A name of trained weights or a run folder. "auto" takes the one for features of an encoder.
            num_draws: Rounds over which predictions are averaged.
            seed: Decides the rounds.
            encoder: "text", or a function that turns a list of texts into features (n, D).
            target: Of a CSV file, the column of the class. None takes the last one.

        Raises:
            UserError: if a class has no text that can be read, or the learner reads no features.
        """
        chosen = choose(FEATURES if learner == "auto" else learner)
        if chosen.reads_drawings:
            raise UserError(f"'{chosen.name}' reads drawings, not features of text. Leave the learner out.")
        column = None
        if support.is_dir():
            read = [(each.name, *_texts_of(path)) for each in _folders(support) for path in _text_files(each)]
        else:
            column, read = _labelled_rows(support, target)
        examples = [(label, text) for label, text, problem in read if problem is None]
        problems = tuple(problem for _, _, problem in read if problem is not None)
        names = tuple(sorted({label for label, _, _ in read if label}))
        if missing := [name for name in names if name not in {label for label, _ in examples}]:
            raise UserError(f"No text of the class '{missing[0]}' can be read. {problems[0]}")
        if not names:
            raise UserError(f"{support} holds no texts. Give it a sub-folder of .txt files for each class.")
        labels = np.array([names.index(label) for label, _ in examples])
        adapted = AdaptedClassifier(chosen, len(names), num_draws, seed)
        adapted.adapt(_encoded(encoder, [text for _, text in examples]), labels)
        return cls(names, adapted, encoder, column, problems)

    def predict(self, queries: str | os.PathLike[str] | Paths, wanted: Wanted = NOTHING_MORE) -> list[Answer]:
        """Name texts. One that cannot be read gets an answer that says why; the others are answered.

        Args:
            queries: .txt files, folders of them, or CSV files with the column of the examples.
            wanted: What is wanted beside the probabilities.

        Raises:
            UserError: if a CSV file lacks the column, or more is wanted than the calibration of the weights says.
        """
        given = [queries] if isinstance(queries, str | os.PathLike) else list(queries)
        read = [
            each for path in given for each in self._read(Path(os.path.expanduser(path)), is_single=len(given) == 1)
        ]
        texts = {name: text for name, text, problem in read if problem is None}
        if not texts:
            return [Answer(name, problem=problem) for name, _, problem in read]
        features = _encoded(self.encoder, list(texts.values()))
        named = iter(class_answers(self.adapted, list(texts), features, self.names, wanted))
        return [next(named) if problem is None else Answer(name, problem=problem) for name, _, problem in read]

    def _read(self, path: Path, *, is_single: bool) -> list[tuple[str, str, str | None]]:
        """The name, the text and the problem of each query."""
        if path.suffix.lower() not in _TABLES:
            files = _text_files(path) if path.is_dir() else []
            return [(str(file), *_texts_of(file)) for file in files or [path]]
        header, rows = header_and_rows(path)
        column = self.column if self.column is not None else header[0]
        if column not in header:
            raise UserError(f"{path} has no column '{column}'. Give it the column of text of the examples.")
        place = header.index(column)
        prefix = "" if is_single else f"{path}:"
        return [
            (f"{prefix}{number}", *_checked(row[place] if place < len(row) else "", f"{path}, row {number}"))
            for number, row in enumerate(rows, start=1)
        ]


def _folders(support: Path) -> list[Path]:
    return [each for each in sorted(support.iterdir()) if each.is_dir() and not is_hidden(each)]


def _text_files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.suffix.lower() == _SUFFIX and not is_hidden(file)]


def _texts_of(path: Path) -> tuple[str, str | None]:
    """The text of a file, and why it cannot be read."""
    try:
        return _checked(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        return "", f"{path} cannot be read as UTF-8 text ({error}). Save it as UTF-8, or leave it out."


def _checked(text: str, name: str) -> tuple[str, str | None]:
    return (text.strip(), None) if text.strip() else ("", f"{name} holds no text. Fill it in, or leave it out.")


def _labelled_rows(path: Path, target: str | None) -> tuple[str, list[tuple[str, str, str | None]]]:
    """The column of text, and the class, the text and the problem of each row."""
    header, rows = header_and_rows(path)
    target = header[-1] if target is None else target
    others = [name for name in header if name != target]
    if target not in header or len(others) != 1:
        raise UserError(
            f"{path} has the columns {', '.join(header)}, but a column of text and one of the class were expected. "
            "Leave the others out, and name the class's column as target."
        )
    place, of_class = header.index(others[0]), header.index(target)
    found = []
    for number, row in enumerate(rows, start=1):
        padded = [*row, *[""] * len(header)]
        name, label = f"{path}, row {number}", padded[of_class].strip()
        text, problem = _checked(padded[place], name)
        found.append((label, text, problem if label else f"{name} has no class. Fill it in, or remove the row."))
    return others[0], found


def _encoded(encoder: Any, texts: list[str]) -> np.ndarray:
    return np.asarray(as_encoder(encoder)(texts), dtype=np.float32)
