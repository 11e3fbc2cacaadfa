import pytest
import torch

from quickstudy.core import Tasks, categorical
from quickstudy.learners import Nearest, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.testing import LawBrokenError
from quickstudy.testing.learning import training_beats_chance


def test_what_learns_from_its_support_beats_chance(tasks: Tasks) -> None:
    training_beats_chance(Nearest(), tasks, steps=0)
    training_beats_chance(ProtoNet(Conv4(channels=8)), tasks, steps=30)


def test_a_learner_is_not_trained_itself(tasks: Tasks) -> None:
    learner = ProtoNet(Conv4(channels=8))
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    training_beats_chance(learner, tasks, steps=30)
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())


def test_guessing_does_not_beat_chance(tasks: Tasks) -> None:
    class Guesses(Nearest):
        def predict(self, state, query_x):
            return categorical(torch.zeros_like(super().predict(state, query_x).logits))

    with pytest.raises(LawBrokenError, match="hardly above the chance of 33%"):
        training_beats_chance(Guesses(), tasks, steps=0)


def test_right_answers_under_wrong_labels_are_found(tasks: Tasks) -> None:
    class Undoes(Nearest):
        """Knows a support that it has seen under other labels, and takes it for what it was then."""

        def adapt(self, support_x, support_y, *more, **options):
            known = [true for turned, true in seen if torch.equal(turned, support_y)]
            if not known:
                seen.extend(((support_y + shift) % 3, support_y) for shift in range(3))
                known = [support_y]
            return super().adapt(support_x, known[0], *more, **options)

    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    with pytest.raises(LawBrokenError, match="labels that say nothing"):
        training_beats_chance(Undoes(), tasks, steps=0)
