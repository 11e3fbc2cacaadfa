import pytest
import torch

from quickstudy.core import Tasks
from quickstudy.learners import Nearest, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.testing import LawBrokenError, module_laws


@pytest.fixture
def exact(tasks: Tasks) -> Tasks:
    return tasks.to("cpu", torch.float64)


def test_a_learner_that_stays_in_its_precision_is_found(exact: Tasks) -> None:
    class Coarse(Nearest):
        def adapt(self, support_x, support_y, *more, **options):
            return super().adapt(support_x.double(), support_y, *more, **options)

        def predict(self, state, query_x):
            return super().predict(state, query_x.double())

    with pytest.raises(LawBrokenError, match="in float32 it answers in"):
        module_laws.it_moves_between_precisions_and_devices(Coarse(), exact)


def test_a_meta_loss_that_is_no_number_is_found(exact: Tasks) -> None:
    class Broken(ProtoNet):
        def meta_loss(self, tasks):
            return super().meta_loss(tasks) * float("nan")

    with pytest.raises(LawBrokenError, match="one finite number was expected"):
        module_laws.every_parameter_gets_a_gradient(Broken(Conv4(channels=8)).double(), exact)
