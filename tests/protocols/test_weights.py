import pytest

from quickstudy.core import UserError
from quickstudy.protocols import open_weights
from quickstudy.protocols.weights import answering_one_by_one


def test_weights_know_their_recipe_and_what_they_were_trained_on(trained) -> None:
    weights = trained("omniglot-protonet", {"split": "lake"})
    assert (weights.recipe, weights.trained_on, weights.is_trained) == ("omniglot-protonet", "omniglot lake", True)
    assert (weights.image_size, weights.labels) == (28, "one-hot")
    assert trained("glyphs-protonet", {}).trained_on == "glyphs"
    assert trained("gp-cnp", {}).trained_on is None


def test_a_learner_without_weights_was_trained_on_nothing() -> None:
    weights = open_weights("omniglot-nearest")
    assert (weights.is_trained, weights.trained_on, weights.experiment.data) == (False, None, "omniglot")
    weights.refuse_classes("lake", "test")
    assert not weights.learner.training


def test_sequences_say_their_size_and_their_labels(trained) -> None:
    weights = trained("omniglot-mann-sequences", {"labels": "strings", "size": 20}, minutes=3.0)
    assert (weights.image_size, weights.labels) == (20, "strings")
    assert weights.training == {"trainings_before": 0, "minutes": 3.0, "best_step": 0}


def test_a_learner_answers_one_by_one_only_meanwhile(trained) -> None:
    weights = trained("omniglot-maml-dense", {})
    with answering_one_by_one(weights, True) as learner:
        assert not learner.is_transductive
    assert weights.learner.is_transductive
    with answering_one_by_one(weights, False) as learner:
        assert learner.is_transductive
    nearest = open_weights("omniglot-nearest")
    with pytest.raises(UserError, match="answers each query by itself anyway"), answering_one_by_one(nearest, True):
        pass


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="neither a run folder nor a name"):
        open_weights("no-such-weights")
