import math

import pytest
import torch
from torch.nn.functional import softplus

from quickstudy.core import UserError
from quickstudy.learners import CNP, GridConvCNP, NeuralProcess
from quickstudy.networks.value_head import ValueHead, perceptron
from quickstudy.tasks import Completion, CompletionLayout
from quickstudy.testing import check_learner


def test_a_normal_head_reads_means_and_then_deviations_above_the_floor():
    numbers = torch.tensor([[[1.0, 2.0, -50.0, 0.5]]])
    prediction = ValueHead(2, floor=0.1)(numbers)
    assert prediction.batch_shape == (1, 1)
    assert torch.equal(prediction.mean, numbers[..., :2])
    assert torch.allclose(prediction.stddev[0, 0], torch.tensor([0.1, 0.1 + 0.9 * softplus(torch.tensor(0.5))]))


def test_without_a_floor_a_deviation_is_still_no_zero():
    prediction = ValueHead(1, floor=0.0)(torch.tensor([[[0.0, -1e4]]]))
    assert prediction.stddev > 0
    assert torch.isfinite(prediction.log_prob(torch.tensor([[[0.0]]])))


def test_a_head_of_ink_reads_logits():
    prediction = ValueHead(1, "bernoulli")(torch.tensor([[[0.0]]]))
    assert prediction.mean == 0.5
    assert ValueHead(1, "bernoulli").num_inputs == 1


def test_grey_is_an_answer_to_a_head_of_ink():
    prediction = ValueHead(1, "bernoulli")(torch.tensor([[[0.0]]]))
    assert float(prediction.log_prob(torch.tensor([[[0.3]]]))) == pytest.approx(-math.log(2))
    with pytest.raises(ValueError, match="within the support"):
        prediction.log_prob(torch.tensor([[[1.5]]]))


@pytest.mark.parametrize("likelihood", ["normal", "bernoulli"])
def test_a_head_refuses_values_without_their_last_dimension(likelihood):
    head = ValueHead(1, likelihood)
    with pytest.raises(UserError, match=r"shape \(2, 3\) was given.*\(2, 3, 1\)"):
        head(torch.zeros(2, 3, head.num_inputs)).log_prob(torch.zeros(2, 3))


INK = {
    "convolutional cnp": lambda: GridConvCNP(grid=(6, 6), channels=4, blocks=1, likelihood="bernoulli"),
    "cnp": lambda: CNP(2, hidden=8, likelihood="bernoulli"),
    "neural process": lambda: NeuralProcess(2, hidden=8, latent=4, likelihood="bernoulli"),
}


@pytest.mark.parametrize("name", INK)
def test_a_learner_of_ink_obeys_the_laws_on_grey_pictures(name, generator):
    grey = Completion(torch.rand(5, 6, 6, generator=generator), CompletionLayout(support=8, queries=5))
    assert "every parameter gets a gradient" in check_learner(INK[name](), grey.sample(3, generator))


@pytest.mark.parametrize(("options", "told"), [({"likelihood": "poisson"}, "poisson"), ({"floor": 1.0}, r"1\.0")])
def test_what_no_head_can_be_is_refused(options, told):
    with pytest.raises(ValueError, match=told):
        ValueHead(1, **options)


def test_a_perceptron_has_no_relu_at_its_end():
    layers = perceptron(3, 4, 2)
    assert [type(layer).__name__ for layer in layers] == ["Linear", "ReLU", "Linear"]
