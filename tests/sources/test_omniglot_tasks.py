from pathlib import Path

import pytest
import torch

from quickstudy.datasets import omniglot
from quickstudy.sources import (
    omniglot_episodes,
    sequence_labels,
)
from quickstudy.tasks import Layout


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
