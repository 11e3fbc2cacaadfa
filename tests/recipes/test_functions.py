import pytest
import torch

from quickstudy.recipes import RECIPES

WITH_A_FLOOR, WITHOUT = ("gp-cnp", "gp-attentive-cnp", "gp-neural-process"), ("gp-conv-cnp", "gp-tnp")


@pytest.mark.parametrize("name", WITH_A_FLOOR + WITHOUT)
def test_training_asks_for_what_is_given_only_where_deviations_have_a_floor_and_validation_never(name):
    experiment = RECIPES[name]()
    generator = torch.Generator().manual_seed(0)
    training, watched = (source(None).sample(2, generator) for source in (experiment.train, experiment.validation))
    predicts_support = torch.isin(training.support_x, training.query_x)
    assert predicts_support.all() if name in WITH_A_FLOOR else not predicts_support.any()
    assert not torch.isin(watched.query_x, watched.support_x).any()
    assert experiment.validate_by == "functions"


def test_the_cnp_has_as_many_weights_as_the_notebooks():
    learner = RECIPES["gp-cnp"]().learner
    parameters = [sum(p.numel() for p in part.parameters()) for part in (learner.encoder, learner.decoder)]
    assert parameters == [49_920, 33_410]
