import pytest
import torch

from quickstudy.recipes import RECIPES

CURVES = ("gp-cnp", "gp-attentive-cnp", "gp-conv-cnp", "gp-tnp", "gp-neural-process")


@pytest.mark.parametrize("name", CURVES)
def test_training_asks_for_all_values_and_validation_for_those_not_given(name):
    experiment = RECIPES[name]()
    generator = torch.Generator().manual_seed(0)
    training, watched = (source(None).sample(2, generator) for source in (experiment.train, experiment.validation))
    num_support = training.support_x.shape[1]
    assert torch.equal(training.query_x[:, :num_support], training.support_x)
    assert not torch.isin(watched.query_x, watched.support_x).any()
    assert experiment.validate_by == "functions"


def test_the_cnp_has_as_many_weights_as_the_notebooks():
    learner = RECIPES["gp-cnp"]().learner
    parameters = [sum(p.numel() for p in part.parameters()) for part in (learner.encoder, learner.decoder)]
    assert parameters == [49_920, 33_410]
