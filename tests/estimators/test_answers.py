"""Answers hold what is known about a query, and nothing else."""

from typing import Any

import numpy as np

from quickstudy.estimators.answers import Answer, Wanted, class_answers, value_answers


class Said:
    """Stands in for an adapted classifier: the first query is of none of the classes."""

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        return np.array([[0.2, 0.5, 0.3]] * len(x))

    def is_known(self, x: np.ndarray) -> np.ndarray:
        return np.arange(len(x)) > 0

    def sets(self, probabilities: np.ndarray, coverage: float) -> np.ndarray:
        return probabilities >= 1 - coverage


SAID: Any = Said()
NAMES = ("a", "b", "c")


def test_classes_come_with_the_most_probable_first() -> None:
    (answer,) = class_answers(SAID, ["q"], np.zeros((1, 2)), NAMES)
    assert (answer.label, answer.confidence) == ("b", 0.5)
    assert list(answer.probabilities) == ["b", "c", "a"]
    assert (answer.is_none_of_these, answer.possible) == (None, None)


def test_what_is_wanted_beside_probabilities_is_answered() -> None:
    first, second = class_answers(SAID, ["q", "r"], np.zeros((2, 2)), NAMES, Wanted(none_of_these=True, coverage=0.75))
    assert (first.is_none_of_these, second.is_none_of_these) == (True, False)
    assert first.possible == second.possible == ("b", "c")


def test_values_come_with_their_interval() -> None:
    (answer,) = value_answers(["q"], np.array([1.5]), np.array([[1.0, 2.0]]))
    assert answer.record() == {"query": "q", "mean": 1.5, "interval90": (1.0, 2.0)}


def test_a_record_has_no_empty_fields() -> None:
    assert Answer("q", problem="damaged").record() == {"query": "q", "problem": "damaged"}
