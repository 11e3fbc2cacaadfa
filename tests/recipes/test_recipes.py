import inspect
import json

import numpy as np
import pytest
import torch

from quickstudy.core import Experiment, SharedTasks, Tasks, UserError
from quickstudy.datasets import omniglot
from quickstudy.recipes import RECIPES, build, default_arguments, find_recipe
from quickstudy.recipes.sources import glyph_episodes
from quickstudy.tasks import Layout


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
