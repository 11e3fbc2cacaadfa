from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from quickstudy.core import UserError
from quickstudy.sources import folder_episodes
from quickstudy.tasks import Layout

LAYOUT = Layout(ways=2, shots=1, queries=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes; the last has two images, the others four."""
    for name, count in (("ape", 4), ("bee", 4), ("cat", 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            grey = np.full((10, 10), 20 * number, dtype=np.uint8)
            Image.fromarray(grey).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_classes_with_too_few_images_are_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r"need 3 images of every class, .* has fewer of: cat \(2\)"):
        folder_episodes(folder, LAYOUT, 8)(None)


def test_classes_with_too_few_images_are_left_out_and_reported(folder: Path) -> None:
    said: list[object] = []
    episodes = folder_episodes(folder, LAYOUT, 8, skip_small=True, say=said.append)(None)
    assert said == ["left out, having too few images: cat (2)"]
    assert len(episodes.images) == 2
    tasks = episodes.sample(3, torch.Generator().manual_seed(0))
    assert (tasks.support_x.shape, tasks.query_x.shape) == ((3, 2, 1, 8, 8), (3, 4, 1, 8, 8))
