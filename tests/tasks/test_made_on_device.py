import pytest
import torch

from quickstudy.tasks import GaussianProcesses, Prototypes, Sinusoids
from quickstudy.tasks.bandits import Bandits
from quickstudy.tasks.boolean import BooleanPlane
from quickstudy.tasks.made_on_device import MadeOnDevice


@pytest.mark.parametrize("tasks", [Prototypes(), BooleanPlane(), Sinusoids(), GaussianProcesses(), Bandits()])
def test_a_moved_distribution_differs_by_its_device_alone(tasks: MadeOnDevice) -> None:
    moved = tasks.to("meta")
    assert type(moved) is type(tasks)
    assert (tasks.device, moved.device) == (torch.device("cpu"), torch.device("meta"))
    assert vars(moved) == vars(tasks) | {"device": torch.device("meta")}
