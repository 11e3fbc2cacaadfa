"""The forgetting matrix of learners whose memory is known."""

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Normal

from quickstudy.core import UserError
from quickstudy.evaluation import Forgetting, measure_forgetting
from quickstudy.tasks import Episodes, Layout, TaskSequences

_CLASSES = 6


class _Nearest:
    """Knows the examples of the last few stages, and answers with the label of the nearest one."""

    def __init__(self, stages_kept: int) -> None:
        self.stages_kept = stages_kept

    def prior(self, num_tasks: int) -> list[Any]:
        return []

    def extend(self, state: list[Any], support_x: Tensor, support_y: Tensor) -> list[Any]:
        return [*state, (support_x, support_y)][-self.stages_kept :]

    def predict(self, state: list[Any], query_x: Tensor) -> Categorical:
        x, y = (torch.cat(parts, dim=1) for parts in zip(*state, strict=True))
        label_TQ = y.gather(1, torch.cdist(query_x, x).argmin(dim=2))
        return Categorical(logits=1e3 * torch.nn.functional.one_hot(label_TQ, _CLASSES).double())


def _sequences(num_stages: int = 3) -> TaskSequences:
    """Classes far from each other, so that whoever knows a class recognises it."""
    x = 10 * torch.arange(8.0)[:, None, None] + torch.rand(8, 4, 1, generator=torch.Generator().manual_seed(1))
    return TaskSequences(Episodes(x, Layout(ways=_CLASSES, shots=1, queries=2)), num_stages)


def test_who_keeps_everything_forgets_nothing() -> None:
    found = measure_forgetting(_Nearest(3), _sequences(), num_sequences=12)
    assert [[cell.mean for cell in row] for row in found.matrix] == [[1.0], [1.0, 1.0], [1.0, 1.0, 1.0]]
    assert found.forgotten.mean == 0.0


def test_who_keeps_the_last_stage_alone_forgets_all_others() -> None:
    found = measure_forgetting(_Nearest(1), _sequences(), num_sequences=12)
    assert [[cell.mean for cell in row] for row in found.matrix] == [[1.0], [0.0, 1.0], [0.0, 0.0, 1.0]]
    assert [each.mean for each in found.so_far] == pytest.approx([1, 1 / 2, 1 / 3])
    assert [each.mean for each in found.when_new] == [1, 1, 1]
    assert found.forgotten.mean == 1.0


def test_forgetting_is_the_mean_fall_since_each_stage_was_new() -> None:
    nan = math.nan
    one = [[0.9, nan, nan], [0.6, 0.8, nan], [0.5, 0.7, 1.0]]
    found = Forgetting(torch.tensor([one, one], dtype=torch.float64))
    assert found.forgotten.mean == pytest.approx(((0.9 - 0.5) + (0.8 - 0.7)) / 2)
    assert found.so_far[1].mean == pytest.approx(0.7)


def test_later_stages_are_not_examined() -> None:
    found = measure_forgetting(_Nearest(3), _sequences(), num_sequences=2)
    assert torch.equal(found.accuracies.isnan()[0], torch.ones(3, 3).triu(1).bool())


def test_the_same_seed_examines_on_the_same_sequences() -> None:
    one, other, third = (
        measure_forgetting(_Sees(seen), _sequences(), num_sequences=3, seed=seed) and seen
        for seen, seed in (([], 0), ([], 0), ([], 1))
    )
    assert one == other
    assert one != third


class _Sees(_Nearest):
    def __init__(self, seen: list[Any]) -> None:
        super().__init__(3)
        self.seen = seen

    def extend(self, state: list[Any], support_x: Tensor, support_y: Tensor) -> list[Any]:
        self.seen.append(support_x.tolist())
        return super().extend(state, support_x, support_y)


def test_progress_counts_sequences() -> None:
    counts: list[int] = []
    measure_forgetting(_Nearest(3), _sequences(), num_sequences=12, progress=counts.append)
    assert counts == [10, 12]


def test_a_record_is_json_without_what_is_not_a_number() -> None:
    found = measure_forgetting(_Nearest(1), _sequences(1), num_sequences=2)
    record = json.loads(json.dumps(found.record()), parse_constant=pytest.fail)
    assert record["forgotten"] == {"mean": None, "interval95": None}
    assert record["matrix"][0][0]["mean"] == 1.0


def test_values_are_refused() -> None:
    class Values(_Nearest):
        def predict(self, state: list[Any], query_x: Tensor) -> Any:
            return Normal(query_x, 1.0)

    with pytest.raises(UserError, match="A Normal was predicted"):
        measure_forgetting(Values(1), _sequences(), num_sequences=1)


def test_no_sequences_are_refused() -> None:
    with pytest.raises(UserError, match="num_sequences is 0"):
        measure_forgetting(_Nearest(1), _sequences(), num_sequences=0)
