"""What a task answers about each query: a class with its confidence, a value with its interval, or a problem."""

from typing import Any, NamedTuple

import numpy as np

from quickstudy.estimators.adapted import AdaptedClassifier


class Wanted(NamedTuple):
    """What a classifier is to say beside the probabilities. Its weights need a calibration."""

    none_of_these: bool = False
    """Whether each query is of none of the classes."""
    coverage: float | None = None
    """Sets of classes that hold the true one with this probability."""


NOTHING_MORE = Wanted()


class Answer(NamedTuple):
    """The answer to one query."""

    query: str
    """The file, or the row of a table counted from 1."""
    label: str | None = None
    """The most probable class."""
    confidence: float | None = None
    """The probability of that class."""
    probabilities: dict[str, float] | None = None
    """The probability of each class, the most probable first."""
    is_none_of_these: bool | None = None
    """Whether the query is of none of the classes, if that was wanted."""
    possible: tuple[str, ...] | None = None
    """The classes that the query may have, the most probable first, if that was wanted."""
    mean: float | None = None
    """The mean of a value."""
    interval90: tuple[float, float] | None = None
    """The interval that holds a value with a probability of 90 %."""
    problem: str | None = None
    """Why there is no answer, and what to do."""

    def record(self) -> dict[str, Any]:
        """For JSON: what is known."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def class_answers(
    adapted: AdaptedClassifier, queries: list[str], x: np.ndarray, names: tuple[str, ...], wanted: Wanted = NOTHING_MORE
) -> list[Answer]:
    """The answers of a classifier.

    Args:
        adapted: The classifier.
        queries: The names of the queries.
        x: Their inputs (Q, *input).
        names: The classes.
        wanted: What to say beside the probabilities.

    Raises:
        UserError: if more is wanted than the calibration of the weights says.
    """
    probabilities = adapted.probabilities(x)
    is_known = adapted.is_known(x) if wanted.none_of_these else None
    sets = None if wanted.coverage is None else adapted.sets(probabilities, wanted.coverage)
    answers = []
    for place, (query, row) in enumerate(zip(queries, probabilities, strict=True)):
        order = np.argsort(-row, kind="stable")
        ranked = {names[each]: float(row[each]) for each in order}
        label, confidence = next(iter(ranked.items()))
        answers.append(
            Answer(
                query,
                label,
                confidence,
                ranked,
                is_none_of_these=None if is_known is None else not is_known[place],
                possible=None if sets is None else tuple(names[each] for each in order if sets[place, each]),
            )
        )
    return answers


def value_answers(queries: list[str], means: np.ndarray, intervals: np.ndarray) -> list[Answer]:
    """Answers from means (n,) and the two ends of intervals (n, 2).

    Args:
        queries: The names of the queries.
        means: One for each query.
        intervals: One row for each query.
    """
    return [
        Answer(query, mean=float(mean), interval90=(float(low), float(high)))
        for query, mean, (low, high) in zip(queries, means, intervals, strict=True)
    ]
