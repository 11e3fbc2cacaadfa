import pytest
import torch
from torch.distributions import Normal

from quickstudy.core import categorical, count_ways, is_traced, read_support, read_values
from quickstudy.core.tracing import traced
from quickstudy.learners import Nearest


def test_outside_of_a_graph_nothing_is_traced() -> None:
    assert not is_traced()
    with traced(3):
        assert is_traced()
    assert not is_traced()


def test_while_a_graph_is_traced_inputs_are_left_as_they_are_and_classes_are_given() -> None:
    x, y = torch.full((1, 2, 4), torch.nan), torch.tensor([[0, 9]])
    with traced(3):
        read_x, read_y, mask = read_support(Nearest(), x, y)
        assert (read_x is x, read_y is y, mask) == (True, True, None)
        assert count_ways(y) == 3
        assert categorical(torch.full((1, 1, 2), torch.nan)).logits.isnan().all()


def test_while_a_graph_is_traced_distributions_check_no_numbers_and_points_get_the_learners_precision() -> None:
    with traced():
        assert Normal(torch.full((1,), torch.nan), torch.ones(1)).mean.isnan().all()
        x, _, _ = read_values(
            Nearest(), torch.zeros(1, 2, 1), torch.zeros(1, 2, 1), sizes=(1, 1), precision=torch.float64
        )
        assert x.dtype == torch.float64
    with pytest.raises(ValueError, match="loc"):
        Normal(torch.full((1,), torch.nan), torch.ones(1), validate_args=None)
