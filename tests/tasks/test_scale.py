"""How numbers become ink: by the type, decided by the whole data set."""

import numpy as np
import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import (
    Augmentation,
    Completion,
    CompletionLayout,
    ContrastivePairs,
    Episodes,
    GeneratedCompletion,
    GeneratedEpisodes,
    GeneratedSequences,
    InstanceSequences,
    Layout,
    SequenceLayout,
    SharedEpisodes,
    mirrored_classes,
    rotated_classes,
    warped_classes,
)
from quickstudy.tasks.scale import as_tensor, read_batch, read_images

STILL = Augmentation().times(0)
SEQUENCES = SequenceLayout(classes=2, instances=2)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def half_inked(dtype, white, shape=(3, 4, 6, 6)):
    """Images whose every other column is white."""
    images = np.zeros(shape, dtype=dtype)
    images[..., ::2] = white
    return images


def drawn_by(kind, images):
    """All numbers that this kind of tasks makes of the images."""
    heap = images.reshape(-1, *images.shape[2:])
    tasks = {
        "Episodes": lambda: Episodes(images, Layout(2, 1, 1)),
        "SharedEpisodes": lambda: SharedEpisodes(Episodes(images, Layout(3, 1, 1)), Layout(2, 1, 1)),
        "InstanceSequences": lambda: InstanceSequences(images, SEQUENCES),
        "ContrastivePairs": lambda: ContrastivePairs(heap, 4, STILL),
        "Completion": lambda: Completion(heap, CompletionLayout(5)),
        "GeneratedEpisodes": lambda: GeneratedEpisodes(lambda c, e, g: as_tensor(images)[:c, :e], Layout(2, 1, 1)),
        "GeneratedSequences": lambda: GeneratedSequences(lambda c, e, g: as_tensor(images)[:c, :e], SEQUENCES),
        "GeneratedCompletion": lambda: GeneratedCompletion(lambda n, g: as_tensor(heap)[:n], (6, 6)),
    }[kind]()
    sample = tasks.sample(1, seeded())
    if "Completion" in kind:
        return torch.cat([sample.support_y, sample.query_y], dim=1)
    if kind == "SharedEpisodes":
        return sample.pool_x
    return torch.cat([sample.support_x, sample.query_x], dim=1)


KINDS = [
    "Episodes",
    "SharedEpisodes",
    "InstanceSequences",
    "ContrastivePairs",
    "Completion",
    "GeneratedEpisodes",
    "GeneratedSequences",
    "GeneratedCompletion",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("dtype", "white"),
    [
        (bool, True),
        (np.uint8, 1),
        (np.int64, 1),
        (np.uint8, 255),
        (np.uint16, 65535),
        (np.float32, 1.0),
    ],
)
def test_white_is_one_in_every_kind_of_tasks(kind, dtype, white):
    drawn = drawn_by(kind, half_inked(dtype, white))
    assert drawn.dtype == torch.float32
    ones = (drawn - 1).abs() < 1e-5
    zeros = drawn.abs() < 1e-5
    assert (ones | zeros).all()
    assert ones.double().mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("Generated")])
@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        (half_inked(np.float32, 255), "floats from 0 to 255, but images of floats go from 0 to 1. Divide"),
        (half_inked(np.int64, 255), "int64 from 0 to 255, which does not say how bright white is. Divide"),
        (half_inked(np.int16, 4095), "int16 from 0 to 4095"),
        (half_inked(np.float32, np.nan), "that are NaN or infinite, the first at"),
        (half_inked(np.complex64, 1), "complex"),
    ],
)
def test_what_does_not_say_how_bright_white_is_is_refused(kind, images, complaint):
    with pytest.raises(UserError, match=complaint):
        drawn_by(kind, images)


@pytest.mark.parametrize(("most", "white"), [(4095, 4095), (1000, 4095), (4096, 65535), (65535, 65535)])
def test_of_sixteen_bits_the_whole_data_set_decides_whether_they_are_twelve(most, white):
    images = np.full((2, 3, 4, 4), 100, dtype=np.uint16)
    images[1, 2, 3, 3] = most
    drawn = Episodes(images, Layout(1, 1, 1)).sample(20, seeded())
    assert drawn.support_x.min().item() == pytest.approx(100 / white)
    assert read_batch(torch.from_numpy(images)).images.min().item() == pytest.approx(100 / 65535), "no batch decides"


def test_the_last_number_decides_whether_integers_are_ink():
    images = torch.zeros(9_000_000, dtype=torch.uint8).view(1000, 9, 10, 100)
    images[0, 0, 0, 0] = 1
    assert read_images(images).scale == 1
    images[-1, -1, -1, -1] = 2
    assert read_images(images).scale == 1 / 255


def test_standardised_images_are_taken_as_they_are_and_bytes_about_their_mean_are_not():
    images = torch.randn(3, 4, 6, 6, generator=seeded())
    assert torch.isin(Episodes(images, Layout(2, 1, 1)).sample(5, seeded()).query_x, images).all()
    with pytest.raises(UserError, match="Divide"):
        Episodes(100 * images, Layout(2, 1, 1))


def test_vectors_may_hold_any_numbers():
    for vectors in (1000 * torch.randn(3, 4, 5), torch.randint(-99, 2000, (3, 4, 5))):
        drawn = Episodes(vectors, Layout(2, 1, 1)).sample(5, seeded()).query_x
        assert drawn.is_floating_point()
        assert torch.isin(drawn, vectors.float()).all()
    white = torch.full((3, 4, 5), 255, dtype=torch.uint8)
    assert Episodes(white, Layout(2, 1, 1)).sample(1, seeded()).query_x.max() == 1
    endless = torch.zeros(3, 4, 5)
    endless[1, 2, 3] = torch.inf
    with pytest.raises(UserError, match=r"NaN or infinite, the first at \(1, 2, 3\)"):
        Episodes(endless)


def test_arrays_that_torch_cannot_take_as_they_are_are_copied():
    images = half_inked(np.uint16, 65535)
    backwards, foreign, locked = images[::-1], images.astype(">u2"), np.broadcast_to(images[:1], images.shape)
    for given in (backwards, foreign, locked):
        assert Episodes(given, Layout(2, 1, 1)).sample(1, seeded()).query_x.max() == 1
    with pytest.raises(UserError, match="one array of numbers"):
        Episodes([["a"], ["b"]])


def test_turned_and_mirrored_classes_of_sixteen_bits_are_read_alike():
    images = half_inked(np.uint16, 65535)
    for further in (rotated_classes(images), mirrored_classes(images)):
        assert further.max() == 1
        assert torch.equal(further[:3], torch.from_numpy(images.astype(np.float32) / 65535))


@pytest.mark.parametrize(("dtype", "white"), [(bool, True), (np.int64, 1), (np.uint16, 4095), (np.float32, 1.0)])
def test_warped_copies_do_not_depend_on_the_type(dtype, white):
    expected = warped_classes(torch.from_numpy(half_inked(np.uint8, 255)), 1, Augmentation(), seeded())
    copies = warped_classes(torch.from_numpy(half_inked(dtype, white)), 1, Augmentation(), seeded())
    images, scale = read_images(copies)
    assert torch.allclose(images * scale, expected / 255, atol=0.01)
