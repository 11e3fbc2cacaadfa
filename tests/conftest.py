import pytest
import torch

from quickstudy.core import Tasks
from quickstudy.datasets import glyphs
from quickstudy.tasks import Episodes, Layout

# Two threads that share a core with other work are far slower than one.
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def glyph_images() -> torch.Tensor:
    return glyphs.load(num_classes=12, num_drawings=8)


@pytest.fixture
def tasks(glyph_images: torch.Tensor, generator: torch.Generator) -> Tasks:
    """Four tasks, 3-way 2-shot with three queries a class, images (1, 28, 28)."""
    return Episodes(glyph_images, Layout(ways=3, shots=2, queries=3)).sample(4, generator)
