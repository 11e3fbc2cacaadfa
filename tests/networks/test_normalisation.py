import pytest
import torch

from quickstudy.networks.normalisation import normalisation_2d

IMAGES = torch.rand(5, 16, 4, 4, generator=torch.Generator().manual_seed(0)) * 3 + 1


def test_of_the_batch_each_channel_is_normalised_over_all_images_in_training_and_by_running_ones_at_test() -> None:
    layer = normalisation_2d("batch", 16)
    normal = layer(IMAGES)
    assert torch.allclose(normal.mean(dim=(0, 2, 3)), torch.zeros(16), atol=1e-5)
    assert torch.allclose(normal.var(dim=(0, 2, 3), correction=0), torch.ones(16), atol=1e-3)
    layer.eval()
    assert torch.allclose(layer(IMAGES)[:1], layer(IMAGES[:1]), atol=1e-6)


def test_in_groups_each_image_is_normalised_by_itself_in_training_as_at_test() -> None:
    layer = normalisation_2d("group", 16)
    normal = layer(IMAGES)
    assert torch.allclose(normal.view(5, 8, -1).mean(dim=2), torch.zeros(5, 8), atol=1e-5)
    assert torch.allclose(normal[:1], layer(IMAGES[:1]), atol=1e-6)
    assert torch.equal(normal, layer.eval()(IMAGES))


def test_none_leaves_images_as_they_are() -> None:
    assert torch.equal(normalisation_2d("none", 16)(IMAGES), IMAGES)


def test_another_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'layer', but batch, group or none"):
        normalisation_2d("layer", 16)
