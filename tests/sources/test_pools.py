import pytest
import torch

from quickstudy.core import SharedTasks, Tasks, UserError
from quickstudy.recipes import build


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
