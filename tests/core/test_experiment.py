import pytest
import torch
from torch import nn

from quickstudy.core import Experiment, Learner, Optimisation, UserError
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
    needed = {"learner": Answers(), "train": None, "validation": None, "test": {}}
    schedule = Optimisation(steps=1, tasks_per_step=1)
    return Experiment(**needed, optimisation=schedule, **settings)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("validate_every", (0,), "a whole number from 1"),
        ("validation_tasks", (0, -5), "a whole number from 1"),
        ("validate_by", ("eye",), "one of"),
        ("frozen", (("decoder",),), "Answers has no such part"),
        ("frozen_share", (-0.1, 1.1), "a share from 0 to 1"),
    ],
)
def test_what_no_training_can_be_made_with_is_refused_by_name(name: str, values: tuple, expected: str) -> None:
    for value in values:
        with pytest.raises(UserError, match=f"^{name} = .* was given, but {expected}"):
            _experiment(**{name: value})


def test_a_part_of_the_learner_may_be_frozen() -> None:
    assert _experiment(frozen=("encoder",)).frozen_share == 1.0


def test_an_experiment_tells_its_learner_what_inputs_lie_between():
    learner, other = Nearest(), Nearest()
    schedule = Optimisation(steps=0, tasks_per_step=1)
    settings = {"train": None, "validation": None, "test": {}, "optimisation": schedule}
    Experiment(learner=learner, input_range=(0.0, 1.0), **settings)
    Experiment(learner=other, **settings)
    assert learner.input_range == (0.0, 1.0)
    assert other.input_range is None
