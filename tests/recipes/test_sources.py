from pathlib import Path

import numpy as np
import pytest
import torch

from quickstudy.core import SharedTasks, Tasks, UserError
from quickstudy.datasets import omniglot
from quickstudy.recipes import build
from quickstudy.recipes.sources import (
    glyph_episodes,
    omniglot_episodes,
    part_classes,
    refuse_size,
    sequence_labels,
)
from quickstudy.tasks import Layout


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


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_of_generated_characters_that_leaves_none_of_the_others_is_refused(share: float) -> None:
    with pytest.raises(UserError, match="below 1"):
        build("omniglot-snail", {"generated": share})


def test_two_parts_of_a_split_are_one_after_the_other() -> None:
    parts = omniglot.split("lake")
    both = part_classes("lake", "train and validation")
    assert both.tolist() == [*parts.train, *parts.validation]


@pytest.mark.parametrize("size", [7, 106, 0, -1])
def test_sizes_that_drawings_cannot_have_are_refused(size: int) -> None:
    with pytest.raises(UserError, match=f"size = {size} was given"):
        refuse_size(size)
    refuse_size(8)
    refuse_size(105)


def test_labels_of_a_sequence_are_indices_or_strings() -> None:
    assert [sequence_labels(labels) for labels in ("one-hot", "strings")] == ["indices", "strings"]


def test_within_an_alphabet_all_classes_of_a_task_are_neighbours(few_characters) -> None:
    layout = Layout(ways=4, shots=1, queries=1)
    for within in (True, False):
        episodes = omniglot_episodes("lake", "test", layout, rotations=True, within_alphabet=within)(None)
        tasks = episodes.sample(30, torch.Generator().manual_seed(0)).support_x
        alphabets = [{seen.character // 8 for seen in few_characters.read(task)} for task in tasks]
        assert (max(map(len, alphabets)) == 1) == within


def test_nothing_is_read_before_tasks_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(omniglot, "load", refuse)
    source = omniglot_episodes("lake", "test", Layout())
    with pytest.raises(AssertionError, match="read"):
        source(Path("nowhere"))
