import pytest
import torch

from quickstudy.core import UserError
from quickstudy.recipes import build
from quickstudy.tasks import Mixture

SEQUENCES = ("omniglot-lstm", "omniglot-mann-sequences")


@pytest.mark.parametrize("labels", ["one-hot", "strings"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_recipe_draws_the_labels_and_sizes_its_learner_reads(
    name: str, labels: str, made_up_omniglot: None
) -> None:
    experiment = build(name, {"classes": 3, "labels": labels, "size": 10})
    assert list(experiment.test) == [f"3 classes, {labels}"]
    label = () if labels == "one-hot" else (5,)
    for source in (experiment.train, experiment.validation, *experiment.test.values()):
        drawn = source(None).sample(2, torch.Generator().manual_seed(0))
        assert drawn.support_x.shape == (2, 29, 1, 10, 10)
        assert drawn.support_y.shape == (2, 29, *label)
        assert experiment.learner(drawn).isfinite()


@pytest.mark.parametrize("name", SEQUENCES)
def test_of_sequences_some_steps_are_of_generated_characters(name: str, made_up_omniglot: None) -> None:
    tasks = build(name, {"generated": 0.25, "size": 10, "distortion": 0.5}).train(None)
    assert tasks.shares == (0.75, 0.25)
    real, made = (part.sample(2, torch.Generator().manual_seed(0)) for part in tasks.parts)
    assert real.support_x.shape == made.support_x.shape == (2, 49, 1, 10, 10)
    assert not isinstance(build(name, {}).train(None), Mixture)


def test_fewer_letters_are_for_training_and_looking_and_not_for_the_test(made_up_omniglot: None) -> None:
    experiment = build("omniglot-mann-sequences", {"labels": "strings", "letters": 2, "size": 10})
    drawn = [source(None).layout.letters for source in (experiment.train, experiment.validation)]
    assert drawn == [2, 2]
    assert [source(None).layout.letters for source in experiment.test.values()] == [5]


def test_letters_of_labels_that_have_none_are_refused() -> None:
    with pytest.raises(UserError, match="Add --labels strings"):
        build("omniglot-mann-sequences", {"letters": 2})


@pytest.mark.parametrize("instances", [3, (2, 4)])
def test_fewer_drawings_of_a_class_are_for_training_alone(instances, few_characters) -> None:
    experiment = build("omniglot-lstm", {"instances": instances, "size": 10, "classes": 2, "final": False})
    assert experiment.train(None).layout.instances == instances
    for source in (experiment.validation, *experiment.test.values()):
        assert source(None).layout.instances == 10


def test_it_is_validated_by_instance_and_its_average_is_kept() -> None:
    experiment = build("omniglot-lstm", {})
    assert (experiment.validate_by, experiment.optimisation.average_decay) == ("instances", 0.999)
