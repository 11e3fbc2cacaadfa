"""Answers hold what is known about a query, and nothing else."""

import numpy as np

from quickstudy.estimators.answers import Answer, class_answers, value_answers


def test_classes_come_with_the_most_probable_first() -> None:
    (answer,) = class_answers(["q"], np.array([[0.2, 0.5, 0.3]]), ("a", "b", "c"))
    assert (answer.label, answer.confidence) == ("b", 0.5)
    assert list(answer.probabilities) == ["b", "c", "a"]


def test_values_come_with_their_interval() -> None:
    (answer,) = value_answers(["q"], np.array([1.5]), np.array([[1.0, 2.0]]))
    assert answer.record() == {"query": "q", "mean": 1.5, "interval90": (1.0, 2.0)}


def test_a_record_has_no_empty_fields() -> None:
    assert Answer("q", problem="damaged").record() == {"query": "q", "problem": "damaged"}
