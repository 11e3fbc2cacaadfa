"""`check_causality` notices each kind of leak along a sequence, and passes what reads only the past."""

import pytest
import torch
from torch import Tensor

from quickstudy.learners import LSTM, SNAIL
from quickstudy.testing import LawBrokenError, answers_along, check_causality

X = torch.rand(2, 6, 4, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 1, 0]])


def earlier_labels(x: Tensor, y: Tensor) -> Tensor:
    """At each step the sum of the labels before it, and the input."""
    before = torch.nn.functional.pad(y.cumsum(dim=1)[:, :-1], (1, 0))
    return before[..., None] + x


def test_what_reads_only_the_past_passes():
    check_causality(earlier_labels, X, Y)
    check_causality(lambda x, y: x.cumsum(dim=1) + y.cumsum(dim=1)[..., None], X, Y, sees_own_label=True)


def test_an_answer_that_knows_its_own_label_is_found():
    with pytest.raises(LawBrokenError, match="label of step 0 changes an answer that must not know it: that"):
        check_causality(lambda x, y: earlier_labels(x, y) + y[..., None], X, Y)


def test_an_answer_that_knows_a_later_label_is_found_even_where_its_own_may_be_known():
    with pytest.raises(LawBrokenError, match="label of step 1 changes an answer that must not know it"):
        check_causality(lambda x, y: x + y.roll(-1, dims=1)[..., None], X, Y, sees_own_label=True)


def test_a_normalisation_over_the_whole_sequence_is_found():
    with pytest.raises(LawBrokenError, match="input of step 1 changes an answer before it: that of step 0"):
        check_causality(lambda x, y: earlier_labels(x - x.mean(dim=1, keepdim=True), y), X, Y)


def test_a_learner_that_reads_no_labels_is_found():
    with pytest.raises(LawBrokenError, match="no label changes any answer"):
        check_causality(lambda x, y: x.cumsum(dim=1), X, Y)


def test_answers_for_other_steps_are_refused():
    with pytest.raises(LawBrokenError, match=r"answers have shape \(2, 5, 4\)"):
        check_causality(lambda x, y: earlier_labels(x, y)[:, 1:], X, Y)


def test_values_are_changed_too():
    y = torch.rand(2, 6, 3, generator=torch.Generator().manual_seed(1))
    check_causality(lambda x, y: torch.nn.functional.pad(y, (0, 0, 1, 0))[:, :-1], X, y)
    with pytest.raises(LawBrokenError, match="label of step 0"):
        check_causality(lambda x, y: y, X, y)


def test_a_learner_is_asked_in_one_pass_or_step_by_step():
    lstm = LSTM(4, max_ways=3, hidden=8).eval()
    assert answers_along(lstm) == lstm.predict_sequence
    snail = SNAIL(torch.nn.Identity(), 4, max_ways=3, max_examples=6, filters=4, attention=((4, 4),) * 3).eval()
    said = answers_along(snail)(X, Y)
    state = snail.extend(snail.prior(2), X[:, :3], Y[:, :3])
    assert said.shape == (2, 6, 3)
    assert torch.allclose(said[:, 3], snail.predict(state, X[:, 3:4]).probs[:, 0], atol=1e-6)


def test_strings_are_compared_by_their_letters():
    learner = LSTM(4, labels="strings", hidden=8).eval()
    y = torch.randint(5, (2, 6, 5), generator=torch.Generator().manual_seed(0))
    check_causality(answers_along(learner), X, y)
