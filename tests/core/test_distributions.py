import pytest
import torch
from torch.distributions import Categorical, Distribution

from quickstudy.core import categorical, unchecked_distributions


def test_probabilities_are_the_softmax_of_the_logits(generator):
    logits = torch.randn(2, 3, 4, generator=generator)
    assert torch.allclose(categorical(logits).probs, logits.softmax(dim=-1), atol=1e-7)


def test_a_batch_is_tasks_by_queries():
    assert categorical(torch.zeros(2, 3, 4)).batch_shape == (2, 3)


def test_a_logit_of_minus_infinity_rules_its_class_out():
    prediction = categorical(torch.tensor([[[0.0, 0.0, -torch.inf]]]))
    assert prediction.probs.tolist() == [[[0.5, 0.5, 0.0]]]
    assert prediction.log_prob(torch.tensor([[2]])).item() == -torch.inf
    assert set(prediction.sample((100,)).flatten().tolist()) == {0, 1}


def test_a_class_ruled_out_takes_no_gradient():
    logits = torch.zeros(1, 1, 3, requires_grad=True)
    masked = logits.masked_fill(torch.tensor([False, False, True]), -torch.inf)
    categorical(masked).log_prob(torch.tensor([[0]])).sum().backward()
    assert logits.grad.flatten().tolist() == [0.5, -0.5, 0.0]


def test_arguments_go_unchecked_inside_and_are_checked_again_after():
    impossible = torch.tensor([[torch.nan, 0.0]])
    with unchecked_distributions():
        Categorical(logits=impossible)
    with pytest.raises(ValueError, match="logits"):
        Categorical(logits=impossible)


def test_an_error_inside_still_restores_the_checks():
    before = Distribution._validate_args
    with pytest.raises(KeyError), unchecked_distributions():
        raise KeyError
    assert Distribution._validate_args is before is True


def test_the_switch_can_be_nested():
    with unchecked_distributions():
        with unchecked_distributions():
            pass
        assert Distribution._validate_args is False
    assert Distribution._validate_args is True
