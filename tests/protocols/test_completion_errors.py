import pytest
import torch

from quickstudy.core import UserError
from quickstudy.protocols import CompletionOptions, measure_completion, open_weights
from quickstudy.protocols.completion_errors import CHOICES
from quickstudy.tasks import Completion


def test_errors_are_measured_in_every_setting_and_pixel_by_pixel(trained, made_up_omniglot: None) -> None:
    weights = trained("omniglot-completion-cnp", {})
    images = Completion(torch.rand(4, 28, 28))
    found = measure_completion(weights, images, CompletionOptions(images=2, next_images=2, next_pixels=1))
    assert list(found.by_setting) == list(weights.experiment.test)
    assert found.setting_records()["10 random pixels"]["squared_error"]["mean"] > 0
    assert {choice: len(errors) for choice, errors in found.errors.items()} == dict.fromkeys(CHOICES, 2)


def test_classifiers_are_refused() -> None:
    with pytest.raises(UserError, match="predicts classes, not pixels"):
        measure_completion(open_weights("omniglot-nearest"), Completion(torch.rand(2, 6, 6)), CompletionOptions())
