"""What weights or their ancestors were trained on is no test of them: Omniglot's classes and a user's own pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from quickstudy.core import Experiment, Header, Optimisation, Parent, UserError
from quickstudy.datasets import omniglot
from quickstudy.learners import Nearest
from quickstudy.protocols.lineage import (
    free_classes,
    refuse_leak,
    refuse_leaking_start,
    refuse_seen,
    training_classes,
    training_pictures,
)
from quickstudy.tasks import Episodes, Layout

CONTENTS = {"train": ["b", "a", "b"], "validation": ["c"], "test": ["d", "e", "f"]}
LAKE, VINYALS = ({"split": name, "final": True} for name in ("lake", "vinyals"))


def trained(arguments: Mapping[str, object], *parents: Header) -> Header:
    return Header(recipe="r", arguments=arguments, parents=tuple(Parent("run", parent) for parent in parents))


def saw(*contents: str, parents: tuple[Parent, ...] = ()) -> Header:
    return Header(recipe="r", contents=contents, parents=parents)


def experiment(contents: Mapping[str, Sequence[str]] | None = CONTENTS) -> Experiment:
    """One whose folder holds pictures of these digests; one of no folder, if None."""

    def episodes(root: Path | None) -> Episodes:
        return Episodes(torch.rand(5, 3, 4, 4), Layout(2, 1, 1))

    return Experiment(
        learner=Nearest(),
        train=episodes,
        validation=episodes,
        test={},
        optimisation=Optimisation(steps=1, tasks_per_step=1),
        contents=None if contents is None else lambda root: contents,
    )


@pytest.mark.parametrize("split", ["lake", "vinyals"])
def test_a_final_training_is_on_the_validation_classes_too(split: str) -> None:
    parts = omniglot.split(split)
    assert training_classes({"split": split}).tolist() == parts.train.tolist()
    assert training_classes({"split": split, "final": True}).tolist() == [*parts.train, *parts.validation]
    assert len(training_classes({"hidden": 5})) == 0


def test_free_classes_are_those_that_no_ancestor_was_trained_on_and_that_do_not_test() -> None:
    parts = omniglot.split("vinyals")
    assert free_classes(trained(LAKE), "vinyals").tolist() == list(range(964, 1200))
    assert free_classes(trained({"split": "vinyals"}), "vinyals").tolist() == parts.validation.tolist()
    assert free_classes(trained(LAKE, trained(VINYALS)), "vinyals").tolist() == []
    assert free_classes(trained({}), "vinyals").tolist() == list(range(1200))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_classes_that_weights_or_any_ancestors_were_trained_on_are_refused_with_what_to_do(depth: int) -> None:
    header = trained(VINYALS)
    for _ in range(depth):
        header = trained(LAKE, trained(LAKE), header)
    with pytest.raises(UserError, match=r"the split 'vinyals'.*236 of the test classes of 'lake'.*--split lake"):
        refuse_leak(header, "lake", "test")


def test_the_validation_classes_of_a_final_training_count_as_seen() -> None:
    with pytest.raises(UserError, match="without the validation classes"):
        refuse_leak(trained(LAKE), "lake", "validation")
    refuse_leak(trained({"split": "lake"}), "lake", "validation")


def test_weights_of_other_classes_or_of_no_omniglot_are_not_refused() -> None:
    refuse_leak(trained(LAKE, trained(LAKE), trained({"hidden": 5})), "vinyals", "test")
    refuse_leak(trained(LAKE), "lake", "test")
    refuse_leak(trained(VINYALS), "vinyals", "test")


def test_a_start_may_have_seen_what_a_final_training_trains_on_anyway() -> None:
    refuse_leaking_start(trained(LAKE), LAKE)
    with pytest.raises(UserError, match="validation classes of 'lake'"):
        refuse_leaking_start(trained(LAKE), {"split": "lake"})
    refuse_leaking_start(trained(LAKE), {"hidden": 5})


def test_every_training_picture_counts_once_and_no_other() -> None:
    assert training_pictures(experiment(), None) == {"a", "b"}
    assert training_pictures(experiment(None), None) == set()


def test_the_folder_is_looked_up_where_the_data_are(tmp_path: Path) -> None:
    roots = []
    elsewhere = replace(experiment(), contents=lambda root: (roots.append(root), CONTENTS)[1])
    training_pictures(elsewhere, tmp_path)
    refuse_seen(saw("a"), elsewhere, tmp_path)
    assert roots == [tmp_path, tmp_path]


def test_a_training_without_pictures_of_ones_own_refuses_nothing() -> None:
    refuse_seen(saw("d"), experiment(None), None)


def test_pictures_that_were_trained_on_are_counted_and_refused_in_the_parts_that_are_checked() -> None:
    with pytest.raises(UserError, match="2 of the 3 test examples are among those that these weights were trained on"):
        refuse_seen(saw("a", "d", "f"), experiment(), None)
    with pytest.raises(UserError, match="1 of the 1 validation examples"):
        refuse_seen(saw("c"), experiment(), None)
    refuse_seen(saw("c"), experiment(), None, parts=("test",))
    refuse_seen(saw("a", "b"), experiment(), None)
    refuse_seen(saw(), experiment(), None)


def test_pictures_that_an_ancestor_was_trained_on_are_refused() -> None:
    grandchild = saw("a", parents=(Parent("run", saw("b", parents=(Parent("run", saw("e")),))),))
    with pytest.raises(UserError, match="1 of the 3 test examples"):
        refuse_seen(grandchild, experiment(), None)
