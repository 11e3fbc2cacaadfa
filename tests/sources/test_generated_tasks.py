import torch

from quickstudy.sources import (
    glyph_episodes,
)
from quickstudy.tasks import Layout


def test_glyphs_for_testing_are_fixed_and_none_of_those_for_validation() -> None:
    layout = Layout(ways=5, shots=1, queries=1)
    test, again, validation = (glyph_episodes(part, layout)(None) for part in ("test", "test", "validation"))
    assert torch.equal(test.images, again.images)
    assert not torch.equal(test.images, validation.images)


def test_glyphs_for_training_never_come_twice() -> None:
    episodes = glyph_episodes("train", Layout(ways=5, shots=1, queries=1))(None)
    generator = torch.Generator().manual_seed(0)
    first, second = (episodes.sample(2, generator).support_x for _ in range(2))
    assert not torch.equal(first, second)
