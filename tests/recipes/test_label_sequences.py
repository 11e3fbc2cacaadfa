import pytest
import torch

from quickstudy.core import Experiment, UserError
from quickstudy.recipes import build, default_arguments
from quickstudy.tasks import Mixture, Stages

SEQUENCES = ("omniglot-lstm", "omniglot-mann-sequences")
PLAIN = {"instances": 10, "short": 0.0, "copies": 0, "size": 10}
"""Ten small drawings of each class from the first step on."""


def plain(name: str, **others) -> Experiment:
    """A recipe with these arguments, as far as it has them."""
    return build(name, {key: value for key, value in {**PLAIN, **others}.items() if key in default_arguments(name)})


@pytest.mark.parametrize("labels", ["one-hot", "strings"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_recipe_draws_the_labels_and_sizes_its_learner_reads(
    name: str, labels: str, made_up_omniglot: None
) -> None:
    experiment = plain(name, classes=3, labels=labels)
    assert list(experiment.test) == [f"3 classes, {labels}"]
    label = () if labels == "one-hot" else (5,)
    for source in (experiment.train, experiment.validation, *experiment.test.values()):
        drawn = source(None).sample(2, torch.Generator().manual_seed(0))
        assert drawn.support_x.shape == (2, 29, 1, 10, 10)
        assert drawn.support_y.shape == (2, 29, *label)
        assert experiment.learner(drawn).isfinite()


@pytest.mark.parametrize("name", SEQUENCES)
def test_of_sequences_some_steps_are_of_generated_characters(name: str, made_up_omniglot: None) -> None:
    tasks = plain(name, generated=0.25, distortion=0.5).train(None)
    assert tasks.shares == (0.75, 0.25)
    real, made = (part.sample(2, torch.Generator().manual_seed(0)) for part in tasks.parts)
    assert real.support_x.shape == made.support_x.shape == (2, 49, 1, 10, 10)
    assert not isinstance(plain(name).train(None), Mixture)


def test_fewer_letters_are_for_training_and_looking_and_not_for_the_test(made_up_omniglot: None) -> None:
    experiment = plain("omniglot-mann-sequences", labels="strings", letters=2)
    drawn = [source(None).layout.letters for source in (experiment.train, experiment.validation)]
    assert drawn == [2, 2]
    assert [source(None).layout.letters for source in experiment.test.values()] == [5]


def test_letters_can_be_drawn_for_each_step_and_validation_has_the_most(made_up_omniglot: None) -> None:
    experiment = plain("omniglot-mann-strings", letters=(2, 4), few_letters=0.0)
    assert [source(None).layout.letters for source in (experiment.train, experiment.validation)] == [(2, 4), 4]


def test_sequences_are_short_for_the_first_steps_alone(made_up_omniglot: None) -> None:
    tasks = plain("omniglot-mann-sequences", short=0.25, instances=(3, 8)).train(None)
    assert isinstance(tasks, Stages)
    assert tasks.ends == (0.25,)
    layouts = [tasks.at(fraction).layout for fraction in (0.0, 0.25)]
    assert [(layout.classes, layout.instances) for layout in layouts] == [((2, 5), (2, 4)), (5, (3, 8))]
    assert layouts[0].jitter == layouts[1].jitter is not None
    assert not isinstance(plain("omniglot-mann-sequences").train(None), Stages)


def test_strings_are_the_same_recipe_with_another_name() -> None:
    arguments = default_arguments("omniglot-mann-strings")
    assert arguments.keys() == default_arguments("omniglot-mann-sequences").keys()
    assert arguments["labels"] == "strings"
    tests = build("omniglot-mann-strings", {}).test
    assert list(tests) == list(build("omniglot-mann-sequences", {"labels": "strings"}).test)


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
