"""Images become small vectors."""

import pytest
import torch

from quickstudy.networks.pooled_pixels import PooledPixels


def test_a_pixel_of_the_small_image_is_a_standardised_mean_of_a_square() -> None:
    images = torch.rand(2, 3, 1, 28, 28)
    encoder = PooledPixels((1, 28, 28), 7, mean=0.5, deviation=0.25)
    found = encoder(images)
    assert found.shape == (2, 3, encoder.num_features)
    assert torch.allclose(found[1, 2, 8], (images[1, 2, 0, 4:8, 4:8].mean() - 0.5) / 0.25, atol=1e-6)
    assert not list(encoder.parameters())


def test_no_images_become_no_vectors() -> None:
    assert PooledPixels((1, 28, 28), 7)(torch.rand(2, 0, 1, 28, 28)).shape == (2, 0, 49)


def test_a_side_larger_than_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="side is 29"):
        PooledPixels((1, 28, 28), 29)
