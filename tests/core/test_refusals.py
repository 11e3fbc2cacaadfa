"""Numbers and shapes that a learner would misread are refused by name, value and place."""

import pytest
import torch

from quickstudy.core import Learner, UserError
from quickstudy.core.refusals import refuse_numbers, refuse_other_examples, warn_of_paper


class Reads(Learner):
    input_range = (0.0, 4.0)

    def adapt(self, support_x, support_y):
        return support_x

    def predict(self, state, query_x):
        return query_x


LEARNER = Reads().eval()


def test_the_place_of_the_first_of_several_is_told():
    x = torch.zeros(3, 4, 2)
    x[1, 3, 1] = x[2, 0, 0] = torch.inf
    with pytest.raises(UserError, match="infinite in float32: 2, the first in task 1, example 3"):
        refuse_numbers("x", x, None, None, LEARNER)


def test_padding_is_not_looked_at():
    x, mask = torch.zeros(2, 3, 1), torch.tensor([[True, False, True], [True, True, False]])
    x[0, 1] = x[1, 2] = torch.nan
    refuse_numbers("x", x, mask, (0.0, 1.0), LEARNER)
    x[1, 1] = torch.nan
    with pytest.raises(UserError, match=r": 1, the first in task 1, example 1 \(counted from 0\)"):
        refuse_numbers("x", x, mask, None, LEARNER)


@pytest.mark.parametrize(("value", "is_fine"), [(4.04, True), (-0.04, True), (4.05, False), (-0.05, False)])
def test_a_hundredth_of_the_range_beyond_it_is_let_in(value, is_fine):
    x = torch.full((1, 1, 1), value, dtype=torch.float64)
    if is_fine:
        refuse_numbers("x", x, None, (0.0, 4.0), LEARNER)
        return
    with pytest.raises(UserError, match=f"x holds {value:g}, but Reads reads numbers from 0 to 4"):
        refuse_numbers("x", x, None, (0.0, 4.0), LEARNER)


def test_nothing_is_within_any_range():
    refuse_numbers("x", torch.zeros(2, 0, 3), None, (1.0, 2.0), LEARNER)


def test_paper_is_told_by_the_mean_of_what_is_real():
    x, mask = torch.tensor([[[4.0], [0.0]]]), torch.tensor([[True, False]])
    warn_of_paper(LEARNER, x, None)
    with pytest.warns(UserWarning, match=r"is 4\.00: paper seems to be 4 and ink 0.* Pass 4 - images"):
        warn_of_paper(LEARNER, x, mask)
    warn_of_paper(Reads().train(), x, mask)


def test_a_missing_task_dimension_is_told():
    with pytest.raises(UserError, match=r"shape \(4, 4\), but the learner reads \(3, 4, 4\)\. Add the task dimension"):
        refuse_other_examples("x", torch.zeros(5, 3, 4, 4), (3, 4, 4))
    refuse_other_examples("x", torch.zeros(5, 1, 4, 4), None)
