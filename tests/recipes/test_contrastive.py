import pytest
import torch

from quickstudy.core import UserError
from quickstudy.datasets import omniglot
from quickstudy.recipes import build
from quickstudy.tasks import Augmentation


@pytest.mark.parametrize("split", ["lake", "vinyals"])
def test_the_heap_holds_every_drawing_of_the_training_characters_and_none_of_the_test(
    split: str, made_up_omniglot: None
) -> None:
    parts = omniglot.split(split)
    small = {"split": split, "rotations": False}
    final, tuning = (build("omniglot-contrastive", {**small, "final": final}).train(None) for final in (True, False))
    assert final.drawings.shape == (20 * (len(parts.train) + len(parts.validation)), 28, 28)
    images, _ = omniglot.load()
    assert torch.equal(tuning.drawings, torch.as_tensor(images[parts.train]).flatten(0, 1))


def test_turned_drawings_are_drawings_of_their_own(made_up_omniglot: None) -> None:
    upright, turned = (
        build("omniglot-contrastive", {"rotations": rotations}).train(None).drawings for rotations in (False, True)
    )
    assert len(turned) == 4 * len(upright)
    assert torch.equal(turned[: len(upright)], upright)
    assert torch.equal(turned[len(upright) : 2 * len(upright)], upright.rot90(1, dims=(1, 2)))


def test_strength_and_erasing_reach_the_views_and_the_drawn_pairs_train_the_learner(made_up_omniglot: None) -> None:
    experiment = build("omniglot-contrastive", {"pairs": 8, "strength": 0.5, "erased": 0.4, "rotations": False})
    pairs = experiment.train(None)
    assert pairs.augmentation == Augmentation().times(0.5)._replace(erased=0.4)
    drawn = pairs.sample(experiment.optimisation.tasks_per_step, torch.Generator().manual_seed(0))
    assert drawn.support_x.shape == (1, 8, 1, 28, 28)
    assert experiment.learner(drawn).isfinite()


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(UserError, match="above 0"):
        build("omniglot-contrastive", {"temperature": 0.0})
