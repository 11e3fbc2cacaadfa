"""Sequences of stages hold all that whole tasks hold, stage by stage."""

import pytest
import torch

from quickstudy.core import Tasks, UserError
from quickstudy.tasks import Episodes, Layout, TaskSequences, in_stages


def _episodes(ways: int = 6) -> Episodes:
    images = torch.arange(8 * 5 * 2, dtype=torch.float32).view(8, 5, 2)  # All numbers differ.
    return Episodes(images, Layout(ways=ways, shots=2, queries=3))


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_stages_together_are_the_whole_task() -> None:
    whole = _episodes().sample(4, _seeded())
    stages = TaskSequences(_episodes(), 3).sample(4, _seeded())
    assert len(stages) == 3
    for x, y in (("support_x", "support_y"), ("query_x", "query_y")):
        joined_x = torch.cat([getattr(stage, x) for stage in stages], dim=1)
        joined_y = torch.cat([getattr(stage, y) for stage in stages], dim=1)
        for task in range(4):
            pairs = zip(joined_x[task].tolist(), joined_y[task].tolist(), strict=True)
            expected = zip(getattr(whole, x)[task].tolist(), getattr(whole, y)[task].tolist(), strict=True)
            assert sorted(pairs) == sorted(expected)


def test_each_stage_has_its_own_labels() -> None:
    for number, stage in enumerate(TaskSequences(_episodes(), 3).sample(4, _seeded())):
        assert stage.support_y.shape == (4, 4)
        assert stage.query_y.shape == (4, 6)
        assert set(stage.support_y.flatten().tolist()) == {2 * number, 2 * number + 1}
        assert set(stage.query_y.flatten().tolist()) == {2 * number, 2 * number + 1}


def test_shared_labels_count_from_0_in_every_stage_and_change_nothing_else() -> None:
    own = TaskSequences(_episodes(), 3).sample(4, _seeded())
    shared = TaskSequences(_episodes(), 3, labels="shared").sample(4, _seeded())
    for number, (one, other) in enumerate(zip(own, shared, strict=True)):
        assert torch.equal(one.support_x, other.support_x)
        assert torch.equal(one.support_y, other.support_y + 2 * number)
        assert torch.equal(one.query_y, other.query_y + 2 * number)


def test_one_stage_is_the_whole_task_in_its_order() -> None:
    whole = _episodes().sample(4, _seeded())
    (only,) = in_stages(whole, 1)
    assert all(torch.equal(one, other) for one, other in zip(whole, only, strict=True))


def test_within_a_stage_examples_keep_their_order() -> None:
    y = torch.tensor([[3, 0, 2, 1]])
    x = torch.arange(4.0).view(1, 4, 1)
    first, second = in_stages(Tasks(x, y, x, y), 2)
    assert first.support_y.tolist() == [[0, 1]]
    assert first.support_x.flatten().tolist() == [1.0, 3.0]
    assert second.support_y.tolist() == [[3, 2]]


def test_sequences_move_with_their_device() -> None:
    sequences = TaskSequences(_episodes(), 3, labels="shared").to("cpu")
    assert (sequences.device.type, sequences.num_stages, sequences.labels) == ("cpu", 3, "shared")


def test_classes_that_cannot_be_shared_equally_are_refused() -> None:
    with pytest.raises(UserError, match="6 classes cannot be split into 4 equal stages"):
        TaskSequences(_episodes(), 4).sample(2, _seeded())


def test_classes_of_unequal_size_are_refused() -> None:
    y = torch.tensor([[0, 0, 0, 1]])
    x = torch.zeros(1, 4, 1)
    with pytest.raises(UserError, match="support_y has different numbers of examples"):
        in_stages(Tasks(x, y, x, y), 2)


def test_no_stages_and_unknown_labels_are_refused() -> None:
    with pytest.raises(UserError, match="num_stages is 0"):
        TaskSequences(_episodes(), 0)
    with pytest.raises(UserError, match="'own' or 'shared'"):
        TaskSequences(_episodes(), 2, labels="mine")  # type: ignore[arg-type]
