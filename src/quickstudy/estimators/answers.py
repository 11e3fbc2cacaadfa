"""What a task answers about each query: a class with its confidence, a value with its interval, or a problem."""

from typing import Any, NamedTuple

import numpy as np


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
    mean: float | None = None
    """The mean of a value."""
    interval90: tuple[float, float] | None = None
    """The interval that holds a value with a probability of 90 %."""
    problem: str | None = None
    """Why there is no answer, and what to do."""

    def record(self) -> dict[str, Any]:
        """For JSON: what is known."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def class_answers(queries: list[str], probabilities: np.ndarray, names: tuple[str, ...]) -> list[Answer]:
    """Answers from probabilities (n, classes).

    Args:
        queries: The names of the queries.
        probabilities: One row for each query.
        names: The classes.
    """
    answers = []
    for query, row in zip(queries, probabilities, strict=True):
        ranked = {names[place]: float(row[place]) for place in np.argsort(-row, kind="stable")}
        label, confidence = next(iter(ranked.items()))
        answers.append(Answer(query, label, confidence, ranked))
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
