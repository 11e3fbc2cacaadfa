import math

import pytest

from quickstudy.core import Optimisation, UserError


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"learning_rate": 0},
        {"weight_decay": 0.0},
        {"gradient_clip": None},
        {"average_decay": None},
        {"average_decay": 0.0},
        {"warmup_steps": 0},
    ],
    ids=str,
)
def test_settings_with_which_a_training_is_possible_are_accepted(settings: dict) -> None:
    Optimisation(**{"steps": 1, "tasks_per_step": 1, **settings})


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("steps", (-1, 1.5, True), "a whole number from 0"),
        ("tasks_per_step", (0, -1, math.nan), "a whole number from 1"),
        ("warmup_steps", (-1,), "a whole number from 0"),
        ("learning_rate", (-1e-3, math.nan, math.inf, "fast"), "a number from 0"),
        ("weight_decay", (-0.1, math.nan), "a number from 0"),
        ("gradient_clip", (0.0, -1.0, math.inf, math.nan), "a number above 0"),
        ("average_decay", (-0.1, 1.0, 1.5, math.nan), "a number from 0 and below 1"),
        ("optimiser", ("lion",), "one of"),
        ("precision", ("half",), "one of"),
    ],
)
def test_settings_with_which_no_training_is_possible_are_refused_by_name(name, values, expected) -> None:
    for value in values:
        with pytest.raises(UserError, match=f"^{name} = .* was given, but {expected}"):
            Optimisation(**{"steps": 1, "tasks_per_step": 1, name: value})
