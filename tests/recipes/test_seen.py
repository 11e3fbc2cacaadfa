"""Headers keep the digests of the pictures that weights were trained on, and what was trained on is no test."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from quickstudy.core import Experiment, Optimisation, UserError
from quickstudy.learners import Nearest
from quickstudy.recipes.seen import inherit_seen, note_seen, refuse_seen
from quickstudy.tasks import Episodes, Layout

CONTENTS = {"train": ["b", "a", "b"], "validation": ["c"], "test": ["d", "e", "f"]}


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


def test_a_header_notes_every_training_picture_once_and_no_other() -> None:
    header: dict[str, Any] = {"recipe": "none"}
    note_seen(header, experiment(), None)
    assert header == {"recipe": "none", "trained_on": ["a", "b"]}


def test_what_is_noted_is_added_to_what_was_there() -> None:
    header = {"trained_on": ["z", "b"]}
    note_seen(header, experiment(), None)
    assert header["trained_on"] == ["a", "b", "z"]


def test_the_folder_is_looked_up_where_the_data_are(tmp_path: Path) -> None:
    asked = []
    header: dict[str, Any] = {}
    elsewhere = replace(experiment(), contents=lambda root: (asked.append(root), CONTENTS)[1])
    note_seen(header, elsewhere, tmp_path)
    refuse_seen(header, elsewhere, tmp_path)
    assert asked == [tmp_path, tmp_path]


def test_a_training_without_pictures_of_ones_own_notes_and_refuses_nothing() -> None:
    header: dict[str, Any] = {}
    note_seen(header, experiment(None), None)
    assert header == {}
    refuse_seen({"trained_on": ["d"]}, experiment(None), None)


def test_weights_that_start_from_others_inherit_what_those_saw() -> None:
    header: dict[str, Any] = {"trained_on": ["a"]}
    inherit_seen(header, {"trained_on": ["d", "a"]})
    assert header["trained_on"] == ["a", "d"]
    inherit_seen(header, {"recipe": "none"})
    assert header["trained_on"] == ["a", "d"]
    fresh: dict[str, Any] = {}
    inherit_seen(fresh, {})
    assert fresh == {}


def test_pictures_that_were_trained_on_are_counted_and_refused_in_every_part_asked_about() -> None:
    with pytest.raises(UserError, match="2 of the 3 test pictures are among those that these weights were trained on"):
        refuse_seen({"trained_on": ["a", "d", "f"]}, experiment(), None)
    with pytest.raises(UserError, match="1 of the 1 validation pictures"):
        refuse_seen({"trained_on": ["c"]}, experiment(), None)
    refuse_seen({"trained_on": ["c"]}, experiment(), None, parts=("test",))
    refuse_seen({"trained_on": ["a", "b"]}, experiment(), None)
    refuse_seen({}, experiment(), None)
