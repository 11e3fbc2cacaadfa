import pytest
import torch

from quickstudy.core import UserError
from quickstudy.sources import Characters, EpisodeCharacters, SequenceCharacters, generated_training
from quickstudy.tasks import Augmentation, Episodes, Jitter, Layout, Mixture, SequenceLayout, SharedEpisodes

LAYOUT = Layout(ways=3, shots=1, queries=1)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"jitter": False}, None),
        ({}, Jitter()),
        ({"distortion": 0.5}, Augmentation().times(0.5)._replace(shift=Jitter().shift)),
        ({"distortion": 1.5}, Augmentation().times(1.5)),
        ({"distortion": 0.5, "jitter": False}, Augmentation().times(0.5)),
    ],
    ids=str,
)
def test_training_images_are_jittered_distorted_or_unchanged(options: dict, expected, few_characters) -> None:
    assert EpisodeCharacters(**options).training(LAYOUT)(None).layout.jitter == expected


def test_small_images_are_jittered_and_distorted_less(few_characters) -> None:
    layout = SequenceLayout(3)
    jittered, distorted = (SequenceCharacters(distortion=strength).training(layout)(None) for strength in (0.0, 1.0))
    assert jittered.layout.jitter == Jitter(shift=1.5)
    assert distorted.layout.jitter == Augmentation(shift=1.5, displacement=1.1)


def test_a_pool_needs_a_drawing_for_the_support_and_another_as_a_query() -> None:
    for make in (lambda: EpisodeCharacters(pool=(5, 1)), lambda: generated_training(LAYOUT, (5, 1))):
        with pytest.raises(UserError, match=r"pool = \(5, 1\) was given, but a pool needs two drawings"):
            make()


def test_a_pool_is_jittered_once_and_shared(few_characters) -> None:
    tasks = EpisodeCharacters(pool=(6, 4)).training(LAYOUT)(None)
    assert isinstance(tasks, SharedEpisodes)
    assert tasks.layout.jitter is None
    assert tasks.sample(2, torch.Generator().manual_seed(0)).pool_x.shape[0] == 24


def test_generated_characters_have_their_share_and_the_same_layout(few_characters) -> None:
    tasks = EpisodeCharacters(generated=0.25, pool=(6, 4)).training(LAYOUT)(None)
    assert isinstance(tasks, Mixture)
    assert tasks.shares == (0.75, 0.25)
    assert {type(part) for part in tasks.parts} == {SharedEpisodes}


def test_images_that_are_changed_once_come_again(few_characters) -> None:
    characters = EpisodeCharacters(distortion=0.5, generated=0.5, pool=(6, 4), change_once=True)
    tasks = characters.training(LAYOUT)(None)
    assert {type(part.pool) for part in tasks.parts} == {Episodes}
    assert [part.pool.layout.jitter for part in tasks.parts] == [None, None]
    fixed = {image.numpy().tobytes() for part in tasks.parts for image in part.pool.images.flatten(0, 1)}
    drawn = torch.cat([tasks.sample(1, _seeded(seed)).pool_x for seed in range(5)])
    assert {image.numpy().tobytes() for image in drawn.mul(255).round().byte()} <= fixed
    unchanged = EpisodeCharacters().classes(None, 28)
    assert not torch.equal(tasks.parts[0].pool.images, unchanged)


def test_images_that_are_changed_once_are_the_same_in_each_training(few_characters) -> None:
    characters = EpisodeCharacters(distortion=0.5, change_once=True)
    first, second = (characters.training(LAYOUT)(None).images for _ in range(2))
    assert torch.equal(first, second)


def test_a_final_training_reads_the_validation_characters_too() -> None:
    assert Characters().part == "train and validation"
    assert Characters(final=False).part == "train"


def test_copies_and_mirror_images_multiply_the_classes(few_characters) -> None:
    plain = len(Characters(final=False).classes(None, 14))
    assert len(Characters(final=False, copies=2).classes(None, 14)) == 3 * plain
    assert len(Characters(final=False, copies=2, mirrored=True).classes(None, 14)) == 6 * plain


def test_sizes_that_drawings_cannot_have_are_refused() -> None:
    with pytest.raises(UserError, match="size = 7 was given"):
        SequenceCharacters(size=7)
