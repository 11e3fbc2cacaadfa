import re
from contextlib import nullcontext

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    Normal,
    kl_divergence,
)

from quickstudy.core import Ink, UserError, categorical, independent, mixture, sampled, unchecked_distributions


def test_probabilities_are_the_softmax_of_the_logits(generator):
    logits = torch.randn(2, 3, 4, generator=generator)
    assert torch.allclose(categorical(logits).probs, logits.softmax(dim=-1), atol=1e-7)


def test_answers_are_drawn_as_often_as_is_predicted(generator):
    drawn = sampled(categorical(torch.tensor([0.7, 0.2, 0.1]).log().expand(4_000, 2, 3)), generator)
    assert drawn.shape == (4_000, 2)
    shares = torch.stack([(drawn == index).float().mean() for index in range(3)])
    assert torch.allclose(shares, torch.tensor([0.7, 0.2, 0.1]), atol=0.02)


def test_values_are_drawn_around_the_mean(generator):
    mean = torch.tensor([1.0, -2.0]).expand(20_000, 1, 2)
    drawn = sampled(independent(Normal(mean, 0.5)), generator)
    assert drawn.shape == (20_000, 1, 2)
    assert torch.allclose(drawn.mean(dim=0), mean[0], atol=0.02)
    assert torch.allclose(drawn.std(dim=0), torch.full((1, 2), 0.5), atol=0.02)
    mean = torch.zeros(2, 1, 2, requires_grad=True)
    assert not sampled(independent(Normal(mean, 0.5)), generator).requires_grad
    with pytest.raises(UserError, match="Bernoulli was predicted"):
        sampled(Bernoulli(probs=torch.zeros(2, 1)), generator)


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


# Values of another shape.

STRICT = {
    "classes": (categorical(torch.zeros(2, 3, 4)), (2, 3)),
    "values": (independent(Normal(torch.zeros(2, 3, 2), 1.0)), (2, 3, 2)),
    "values of one number": (independent(Normal(torch.zeros(2, 3, 1), 1.0)), (2, 3, 1)),
    "ink": (independent(Ink(logits=torch.zeros(2, 3, 1))), (2, 3, 1)),
    "strings": (independent(Categorical(logits=torch.zeros(2, 3, 5, 4))), (2, 3, 5)),
    "mixtures": (
        mixture(Categorical(logits=torch.zeros(2, 3, 4)), independent(Normal(torch.randn(2, 3, 4, 1), 1.0))),
        (2, 3, 1),
    ),
}


@pytest.mark.parametrize("name", STRICT)
def test_values_of_the_predictions_own_shape_are_read_and_several_of_them_too(name):
    prediction, shape = STRICT[name]
    assert prediction.log_prob(torch.zeros(shape)).shape == (2, 3)
    several = prediction.log_prob(torch.zeros(7, *shape))
    assert several.shape == (7, 2, 3)
    assert torch.equal(several[0], prediction.log_prob(torch.zeros(shape)))


@pytest.mark.parametrize("is_checked", [True, False])
@pytest.mark.parametrize("name", STRICT)
def test_values_of_another_shape_are_refused_by_both_shapes_with_and_without_torchs_checks(name, is_checked):
    prediction, shape = STRICT[name]
    others = [shape[:-1], (*shape, 1), (1, *shape[1:]), (*shape[:-1], shape[-1] + 1), (2, 1, *shape[2:]), ()]
    for other in others:
        context = nullcontext() if is_checked else unchecked_distributions()
        message = f"shape {re.escape(str(tuple(other)))} was given.*of values {re.escape(str(tuple(shape)))}"
        with pytest.raises(UserError, match=message), context:
            prediction.log_prob(torch.zeros(other))


def test_without_its_last_dimension_a_truth_is_not_repeated_along_it():
    answers = torch.randn(3, 4)
    prediction = independent(Normal(answers[..., None], 0.1))
    with pytest.raises(UserError, match=r"shape \(3, 4\).*\(3, 4, 1\)"):
        prediction.log_prob(answers)


@pytest.mark.parametrize("name", STRICT)
def test_an_expanded_prediction_is_as_strict(name):
    prediction, shape = STRICT[name]
    wider = prediction.expand(torch.Size((5, 2, 3)))
    assert type(wider) is type(prediction)
    assert wider.log_prob(torch.zeros(5, *shape)).shape == (5, 2, 3)
    with pytest.raises(UserError, match="of values"):
        wider.log_prob(torch.zeros(shape))


def test_they_are_torchs_own_kinds():
    assert isinstance(STRICT["classes"][0], Categorical)
    assert isinstance(STRICT["values"][0], Independent)
    assert isinstance(STRICT["mixtures"][0], MixtureSameFamily)
    one, other = independent(Normal(torch.zeros(2, 3), 1.0)), independent(Normal(torch.ones(2, 3), 1.0))
    assert torch.allclose(kl_divergence(one, other), torch.full((2,), 1.5))
    assert torch.allclose(kl_divergence(STRICT["classes"][0], STRICT["classes"][0]), torch.zeros(2, 3))


def test_a_mixture_is_torchs_own(generator):
    shares = Categorical(logits=torch.randn(2, 3, 4, generator=generator))
    parts = independent(Normal(torch.randn(2, 3, 4, 1, generator=generator), 0.5))
    value = torch.randn(6, 2, 3, 1, generator=generator)
    ours, theirs = mixture(shares, parts), MixtureSameFamily(shares, Independent(parts.base_dist, 1))
    assert torch.equal(ours.log_prob(value), theirs.log_prob(value))
    assert torch.equal(ours.mean, theirs.mean)
    assert torch.equal(ours.variance, theirs.variance)


# Ink.


def test_the_log_probability_of_grey_ink_is_the_mean_of_black_and_white():
    ink = Ink(logits=torch.tensor(0.7))
    black, white, grey = (ink.log_prob(torch.tensor(value)) for value in (1.0, 0.0, 0.25))
    assert float(grey) == pytest.approx(float(0.25 * black + 0.75 * white))
    assert float(black) == pytest.approx(float(Bernoulli(logits=torch.tensor(0.7)).log_prob(torch.tensor(1.0))))


@pytest.mark.parametrize("value", [-0.1, 1.1, 255.0, torch.nan])
def test_ink_beyond_black_and_white_is_refused(value):
    with pytest.raises(ValueError, match="within the support"):
        Ink(logits=torch.tensor(0.7)).log_prob(torch.tensor(value))


def test_grey_ink_is_likeliest_to_one_who_expects_as_much():
    grey = torch.tensor(0.3)
    likelihoods = [float(Ink(probs=torch.tensor(chance)).log_prob(grey)) for chance in (0.2, 0.3, 0.4)]
    assert likelihoods[1] == max(likelihoods)


# What torch.compile does.


@pytest.mark.filterwarnings("ignore")  # Of PyTorch's compiler, about itself.
def test_the_checks_are_as_before_whatever_was_compiled_meanwhile():
    with unchecked_distributions():
        torch.compile(lambda x: x + 1, backend="eager")(torch.zeros(1))
    assert Distribution._validate_args is True
    with unchecked_distributions():
        Distribution.set_default_validate_args(True)
    assert Distribution._validate_args is True
