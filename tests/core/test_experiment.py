import math

import pytest
import torch
from torch import nn

from quickstudy.core import Experiment, Learner, UserError
from quickstudy.learners import Nearest


class Answers(Learner):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(1, 1)

    def adapt(self, support_x, support_y):
        return support_x

    def predict(self, state, query_x):
        return torch.distributions.Normal(self.encoder(query_x), 1.0)


def _experiment(**settings) -> Experiment:
    needed = {"learner": Answers(), "train": None, "validation": None, "test": {}, "steps": 1, "tasks_per_step": 1}
    return Experiment(**{**needed, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"learning_rate": 0},
        {"weight_decay": 0.0},
        {"gradient_clip": None},
        {"average_decay": None},
        {"average_decay": 0.0},
        {"frozen": ("encoder",)},
        {"warmup_steps": 0},
    ],
    ids=str,
)
def test_what_a_training_can_be_made_with_is_taken(settings: dict) -> None:
    _experiment(**settings)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("steps", (-1, 1.5, True), "a whole number from 0"),
        ("tasks_per_step", (0, -1, math.nan), "a whole number from 1"),
        ("warmup_steps", (-1,), "a whole number from 0"),
        ("validate_every", (0,), "a whole number from 1"),
        ("validation_tasks", (0, -5), "a whole number from 1"),
        ("learning_rate", (-1e-3, math.nan, math.inf, "fast"), "a number from 0"),
        ("weight_decay", (-0.1, math.nan), "a number from 0"),
        ("gradient_clip", (0.0, -1.0, math.inf, math.nan), "a number above 0"),
        ("average_decay", (-0.1, 1.0, 1.5, math.nan), "a number from 0 and below 1"),
        ("optimiser", ("lion",), "one of"),
        ("validate_by", ("eye",), "one of"),
        ("frozen", (("decoder",),), "Answers has no such part"),
    ],
)
def test_what_no_training_can_be_made_with_is_refused_by_name(name: str, values: tuple, expected: str) -> None:
    for value in values:
        with pytest.raises(UserError, match=f"^{name} = .* was given, but {expected}"):
            _experiment(**{name: value})


def test_an_experiment_tells_its_learner_what_inputs_lie_between():
    learner, other = Nearest(), Nearest()
    settings = {"train": None, "validation": None, "test": {}, "steps": 0, "tasks_per_step": 1}
    Experiment(learner=learner, input_range=(0.0, 1.0), **settings)
    Experiment(learner=other, **settings)
    assert learner.input_range == (0.0, 1.0)
    assert other.input_range is None
