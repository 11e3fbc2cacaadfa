import numpy as np
import pytest
import torch

from quickstudy.core import Tasks
from quickstudy.datasets import glyphs, omniglot
from quickstudy.tasks import Episodes, Layout

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_initial_weights() -> None:
    """So that no test's outcome depends on which tests ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def glyph_images() -> torch.Tensor:
    """Bytes, (20 classes, 10 drawings, 28, 28)."""
    return glyphs.load(num_classes=20, num_drawings=10)


@pytest.fixture
def tasks(glyph_images, generator) -> Tasks:
    """Four 3-way 2-shot tasks with three queries a class; images are (1, 28, 28)."""
    return Episodes(glyph_images, Layout(ways=3, shots=2, queries=3)).sample(4, generator)


@pytest.fixture
def made_up_omniglot(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of Omniglot as many classes of noise, all drawings of a class alike, and no data set needed."""

    def load(root: object = None, size: int = 28) -> omniglot.Omniglot:
        names = omniglot.class_names()
        noise = np.random.default_rng(0).integers(0, 256, (len(names), 1, size, size), dtype=np.uint8)
        return omniglot.Omniglot(noise.repeat(20, axis=1), names)

    monkeypatch.setattr(omniglot, "load", load)
