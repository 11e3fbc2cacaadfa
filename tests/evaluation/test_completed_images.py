from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.distributions import Independent, Normal

from quickstudy.core import Learner, ShowsImages, UserError
from quickstudy.evaluation.completed_images import complete, next_pixels, save_completions
from quickstudy.tasks import Completion, CompletionLayout


class Seen(NamedTuple):
    count: Tensor


class KnowsPlaces(Learner):
    """Guesses each pixel by its place alone: right in the left half, and says that it is unsure of the right one."""

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Seen:
        return Seen(torch.full((len(support_x),), support_x.shape[1]))

    def predict(self, state: Seen, query_x: Tensor) -> Any:
        is_left = query_x[..., 1:] < 0.5
        mean = torch.where(is_left, query_x[..., 1:] + 0.1 * query_x[..., :1], 0.0)
        return Independent(Normal(mean, torch.where(is_left, 0.1, 0.5)), 1)


@pytest.fixture
def images() -> Completion:
    """Four images of 6×6 pixels whose values are those of `KnowsPlaces` on the left, and one on the right."""
    row, column = torch.meshgrid((torch.arange(6) + 0.5) / 6, (torch.arange(6) + 0.5) / 6, indexing="ij")
    return Completion(torch.where(column < 0.5, column + 0.1 * row, torch.ones(())).expand(4, 6, 6))


def test_a_completed_image_lies_row_by_row(images):
    found = complete(KnowsPlaces(), images, 7, 3)
    assert torch.allclose(found.truth[..., 0].view(3, 6, 6), images.images[:3])
    assert torch.allclose(found.mean[..., 0].view(3, 6, 6)[:, :, :3], images.images[:3, :, :3])
    assert not found.mean[..., 0].view(3, 6, 6)[:, :, 3:].any()
    assert (found.is_given.sum(dim=1) == 7).all()


def test_of_more_pixels_those_given_before_stay(images):
    few, many = (complete(KnowsPlaces(), images, count, 3, seed=5).is_given for count in (4, 12))
    assert (many | ~few).all()
    assert torch.equal(few, complete(KnowsPlaces(), images, 4, 3, seed=5).is_given)


def test_an_error_is_of_pixels_that_were_not_given(images):
    errors = next_pixels(KnowsPlaces(), images, "largest variance", 20, 2)
    # Of 36 pixels the 18 on the right are off by one, and each that is shown is so no more.
    expected = torch.tensor([max(0, 18 - count) / 36 for count in range(21)])
    assert errors.shape == (21, 2)
    assert torch.allclose(errors, expected[:, None].expand(21, 2), atol=1e-5)


def test_random_choice_is_slower_than_asking_where_it_is_unsure(images):
    surest, random = (next_pixels(KnowsPlaces(), images, choice, 18, 4) for choice in ("largest variance", "random"))
    assert torch.allclose(random[0], surest[0])
    assert (random[-1] > surest[-1] + 0.1).all()
    assert torch.equal(random, next_pixels(KnowsPlaces(), images, "random", 18, 4))


def test_more_pixels_than_there_are_cannot_be_chosen(images):
    with pytest.raises(UserError, match="has fewer"):
        next_pixels(KnowsPlaces(), images, "random", 37, 1)


def test_a_sheet_shows_what_is_given_the_mean_the_spread_and_the_truth(images, tmp_path):
    assert isinstance(images, ShowsImages)
    save_completions(tmp_path / "sheets" / "completions.png", KnowsPlaces(), images, counts=(6, 36), num_images=2)
    with Image.open(tmp_path / "sheets" / "completions.png") as sheet:
        pixels = torch.tensor(np.asarray(sheet).astype(int))
    reddish = (pixels[..., 0] > pixels[..., 1] + 60).sum()
    bluish = (pixels[..., 2] > pixels[..., 0] + 30).sum()
    cell = 76 * 76
    assert reddish == pytest.approx(2 * 2 * cell / 2, rel=0.1), "unsure on the right halves, twice for two images"
    assert bluish == pytest.approx(2 * cell * 30 / 36, rel=0.1), "not given: 30 of 36, and then none"


def test_colours_are_shown_as_they_are(tmp_path):
    red = torch.zeros(2, 3, 4, 4)
    red[:, 0] = 1.0

    class Red(KnowsPlaces):
        def predict(self, state: Seen, query_x: Tensor) -> Any:
            mean = query_x.new_tensor([1.0, 0.0, 0.0]).expand(*query_x.shape[:2], 3)
            return Independent(Normal(mean, 0.01), 1)

    save_completions(tmp_path / "red.png", Red(), Completion(red, CompletionLayout(2)), counts=(16,), num_images=1)
    with Image.open(tmp_path / "red.png") as sheet:
        pixels = torch.tensor(np.asarray(sheet).astype(int)).flatten(0, 1)
    assert (pixels == torch.tensor([255, 0, 0])).all(dim=1).sum() > 2.5 * 76 * 76 * 0.9
