import pytest
import torch

from quickstudy.core import StagedDistribution, UserError
from quickstudy.tasks import InstanceSequences, SequenceLayout, Stages


def sequences(instances: int, device: str = "cpu") -> InstanceSequences:
    return InstanceSequences(torch.rand(3, 4, 5), SequenceLayout(2, instances)).to(device)


def test_each_stage_serves_until_its_share_of_the_training_is_over():
    parts = [sequences(instances) for instances in (1, 2, 3)]
    stages = Stages(parts, [0.25, 0.5])
    assert isinstance(stages, StagedDistribution)
    served = [parts.index(stages.at(fraction)) for fraction in (0.0, 0.2, 0.25, 0.4, 0.5, 0.99, 1.0)]
    assert served == [0, 0, 1, 1, 2, 2, 2]


def test_tasks_are_those_of_the_last_stage_where_no_time_is_given():
    tasks = Stages([sequences(1), sequences(3)], [0.5]).sample(2, torch.Generator().manual_seed(0))
    assert tasks.support_x.shape == (2, 5, 5)


def test_all_stages_move_to_a_device_together():
    moved = Stages([sequences(1), sequences(3)], [0.5]).to("meta")
    assert moved.device.type == "meta"
    assert [part.device.type for part in moved.parts] == ["meta", "meta"]
    assert moved.ends == (0.5,)


@pytest.mark.parametrize("ends", [[], [0.5, 0.6], [0.0], [1.0]])
def test_ends_that_are_no_rising_shares_of_a_training_are_refused(ends):
    with pytest.raises(UserError, match="for 2 stages of a training"):
        Stages([sequences(1), sequences(2)], ends)


def test_stages_on_several_devices_are_refused():
    with pytest.raises(UserError, match="different devices"):
        Stages([sequences(1), sequences(2, "meta")], [0.5])
