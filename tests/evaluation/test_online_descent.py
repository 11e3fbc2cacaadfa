"""Softmax regression that learns example by example."""

import pytest
import torch

from quickstudy.evaluation import online_descent


def _separable() -> tuple[torch.Tensor, torch.Tensor]:
    y = torch.arange(60).repeat(2, 1) % 3
    x = torch.eye(3)[y] + 0.01
    return x, y


@pytest.mark.parametrize("adam", [False, True])
def test_descent_learns_what_one_example_of_each_class_shows(adam: bool) -> None:
    right = online_descent.by_descent(_separable(), 3, 0.05 if adam else 0.5, adam=adam)
    assert right.shape == (2, 60)
    assert right[:, 10:].mean() > 0.95


def test_a_prediction_of_descent_does_not_know_its_own_label() -> None:
    x, y = _separable()
    right = online_descent.by_descent((x, y), 3, 0.5, adam=False)
    # At zero weights the first class is said, which is right here; of the others nothing is known yet.
    assert right[0, :3].tolist() == [1.0, 0.0, 0.0]


def test_the_best_rate_is_chosen_on_the_first_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online_descent, "RATES", (1e-9, 0.5))
    assert online_descent.best_descent(_separable(), 3, adam=False)[0] == 0.5
