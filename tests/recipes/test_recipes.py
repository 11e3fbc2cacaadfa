import inspect
import json
from typing import Any

import numpy as np
import pytest
import torch

from quickstudy.core import Experiment, SharedTasks, Tasks, UserError
from quickstudy.datasets import omniglot
from quickstudy.networks.blur import Blur
from quickstudy.recipes import RECIPES, build, default_arguments, find_recipe
from quickstudy.recipes.sources import glyph_episodes
from quickstudy.tasks import Layout, Mixture


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_rebuilt_from_its_stored_arguments(name: str) -> None:
    arguments = default_arguments(name)
    first, second = build(name, arguments), build(name, json.loads(json.dumps(arguments)))
    assert isinstance(first, Experiment)
    assert str(first.learner) == str(second.learner)
    assert first.steps == second.steps


@pytest.mark.parametrize("name", RECIPES)
def test_every_option_is_documented(name: str) -> None:
    documentation = inspect.getdoc(RECIPES[name]) or ""
    assert all(f"{option}:" in documentation for option in default_arguments(name))


def test_an_unknown_recipe_or_argument_is_named() -> None:
    with pytest.raises(UserError, match=r"Choose one of: .*omniglot-protonet"):
        find_recipe("omniglot-prototnet")
    with pytest.raises(UserError, match="no argument colour"):
        build("omniglot-protonet", {"colour": 1})


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ({"blur": -1.0}, "blur = -1.0 was given"),
        ({"sharpest": 5.0}, "a bound above 10"),
        ({"size": 200}, "^Images of 200"),
    ],
)
def test_a_value_that_nothing_can_be_built_with_is_the_users_mistake(argument: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        build("omniglot-mann-sequences", argument)


def test_parts_of_a_split_are_disjoint() -> None:
    for name in ("lake", "vinyals"):
        parts = omniglot.split(name)
        assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts))


def test_glyphs_for_testing_are_fixed_and_none_of_those_for_validation() -> None:
    layout = Layout(ways=5, shots=1, queries=1)
    test, again, validation = (glyph_episodes(part, layout)(None) for part in ("test", "test", "validation"))
    assert torch.equal(test.images, again.images)
    assert not torch.equal(test.images, validation.images)


def test_glyphs_for_training_never_come_twice() -> None:
    episodes = glyph_episodes("train", Layout(ways=5, shots=1, queries=1))(None)
    generator = torch.Generator().manual_seed(0)
    first, second = (episodes.sample(2, generator).support_x for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("pool", [(6, 5), [6, 5]], ids=["given", "stored"])
def test_the_tasks_of_a_training_step_share_a_pool_of_the_size_asked_for(pool) -> None:
    experiment = build("glyphs-protonet", {"ways": 4, "queries": 2, "pool": pool})
    generator = torch.Generator().manual_seed(0)
    drawn = experiment.train(None).sample(3, generator)
    assert isinstance(drawn, SharedTasks)
    assert drawn.pool_x.shape == (30, 1, 28, 28)
    assert (drawn.support_y.shape, drawn.query_y.shape) == ((3, 4), (3, 8))
    assert isinstance(experiment.validation(None).sample(3, generator), Tasks)


def test_without_a_pool_every_task_has_examples_of_its_own() -> None:
    experiment = build("glyphs-protonet", {"ways": 4, "queries": 2, "pool": None})
    drawn = experiment.train(None).sample(3, torch.Generator().manual_seed(0))
    assert isinstance(drawn, Tasks)
    assert drawn.support_x.shape == (3, 4, 1, 28, 28)


def test_the_concatenated_cnp_is_tested_only_at_ways_it_can_read() -> None:
    assert set(build("omniglot-cnp-paper", {}).test) == {"5-way 1-shot", "5-way 5-shot"}
    assert "20-way 1-shot" in build("omniglot-cnp", {}).test


ANY_WAY = ("omniglot-mann", "omniglot-snail", "omniglot-transformer")


@pytest.mark.parametrize("name", ANY_WAY)
def test_an_any_way_recipe_is_tested_at_the_ways_it_can_read(name: str) -> None:
    settings = {"5-way 1-shot", "5-way 5-shot", "20-way 1-shot", "20-way 5-shot"}
    assert set(build(name, {}).test) == settings
    assert set(build(name, {"max_ways": 10, "ways": [5, 10]}).test) == {"5-way 1-shot", "5-way 5-shot"}


@pytest.mark.parametrize(("ways", "highest"), [(5, 5), (20, 20)])
def test_snail_as_in_its_paper_is_tested_up_to_its_ways(ways: int, highest: int) -> None:
    experiment = build("omniglot-snail-paper", {"ways": ways})
    assert {int(name.split("-")[0]) for name in experiment.test} == {5, highest}


@pytest.mark.parametrize("name", ANY_WAY)
def test_an_any_way_recipe_can_begin_with_all_of_protonets_encoder(name: str) -> None:
    own, theirs = (
        {key: value.shape for key, value in build(recipe, {}).learner.state_dict().items() if "encoder." in key}
        for recipe in (name, "omniglot-protonet")
    )
    assert own == theirs


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


@pytest.mark.parametrize("name", [*SEQUENCES, "omniglot-autoencoder"])
def test_a_sequence_recipe_turns_and_moves_characters_in_training_alone(name: str, made_up_omniglot: None) -> None:
    experiment = build(name, {"split": "vinyals", "jitter": True, "final": False, "size": 10})
    parts = omniglot.split("vinyals")
    train, validation, test = (
        source(None) for source in (experiment.train, experiment.validation, *experiment.test.values())
    )
    assert [len(tasks.images) for tasks in (train, validation, test)] == [
        4 * len(parts.train),
        len(parts.validation),
        len(parts.test),
    ]
    assert train.layout.jitter is not None
    assert validation.layout == test.layout == train.layout._replace(jitter=None)


@pytest.mark.parametrize("name", [*SEQUENCES, "omniglot-autoencoder"])
def test_a_final_training_on_sequences_has_the_validation_classes_too_and_looks_at_glyphs(
    name: str, made_up_omniglot: None
) -> None:
    experiment, parts = build(name, {"split": "vinyals", "size": 10}), omniglot.split("vinyals")
    assert len(experiment.train(None).images) == 4 * (len(parts.train) + len(parts.validation))
    assert experiment.validation(None).images.shape == (1000, 20, 10, 10)


@pytest.mark.parametrize("name", ANY_WAY)
def test_of_any_way_learners_some_steps_are_of_generated_characters(name: str, made_up_omniglot: None) -> None:
    tasks = build(name, {"generated": 0.25}).train(None)
    assert tasks.shares == (0.75, 0.25)
    assert not isinstance(build(name, {"generated": 0.0}).train(None), Mixture)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("omniglot-maml", {}),
        ("omniglot-maml-dense", {}),
        ("omniglot-mann-sequences", {"size": 10}),
        *((name, {"generated": 0.0, "pool": None}) for name in ("omniglot-protonet", *ANY_WAY)),
    ],
)
def test_bent_copies_of_the_classes_are_classes_to_train_on(
    name: str, options: dict[str, Any], made_up_omniglot: None
) -> None:
    plain = build(name, dict(options)).train(None)
    more = build(name, {"bent": 2, **options}).train(None)
    assert len(more.images) == 3 * len(plain.images)


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


def test_a_blur_is_of_the_images_and_brings_no_weights() -> None:
    plain, blurred = (build("omniglot-mann-sequences", {"blur": width}).learner.eval() for width in (0.0, 0.8))
    blurred.load_state_dict(plain.state_dict())
    x, y = torch.rand(2, 6, 1, 20, 20), torch.arange(12).view(2, 6) % 5
    expected = plain.predict_sequence(Blur(0.8)(x), y)
    assert torch.allclose(blurred.predict_sequence(x, y).logits, expected.logits, atol=1e-5)


def test_mirror_images_are_to_train_on_and_nothing_else(made_up_omniglot: None) -> None:
    plain, mirrored = (build("omniglot-mann-sequences", {"mirrored": each, "size": 10}) for each in (False, True))
    assert len(mirrored.train(None).images) == 2 * len(plain.train(None).images)
    assert len(mirrored.validation(None).images) == len(plain.validation(None).images)


def test_the_weight_decay_asked_for_reaches_the_training() -> None:
    assert build("omniglot-mann-sequences", {"weight_decay": 0.05}).weight_decay == 0.05


def test_letters_of_labels_that_have_none_are_refused() -> None:
    with pytest.raises(UserError, match="Add --labels strings"):
        build("omniglot-mann-sequences", {"letters": 2})


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_of_generated_characters_that_leaves_none_of_the_others_is_refused(share: float) -> None:
    with pytest.raises(UserError, match="below 1"):
        build("omniglot-snail", {"generated": share})


def test_the_autoencoder_reads_the_sequences_of_the_other_baselines() -> None:
    experiment = build("omniglot-autoencoder", {})
    assert (experiment.validate_by, list(experiment.test)) == ("instances", ["5 classes, one-hot"])
    assert experiment.learner.num_inputs == 20 * 20


def test_learners_of_drawings_know_what_their_inputs_lie_between_and_others_do_not() -> None:
    ranges = {name: build(name, {}).learner.input_range for name in RECIPES if "folder" not in name}
    of_drawings = {name for name in ranges if name.startswith(("omniglot", "glyphs")) and "completion" not in name}
    assert {name for name, found in ranges.items() if found == (0.0, 1.0)} == of_drawings
    assert {found for name, found in ranges.items() if name not in of_drawings} == {None}
