"""Arrays of images become drawings, and queries are read as the examples were."""

import numpy as np
import pytest

from quickstudy.core import UserError
from quickstudy.estimators.drawing_reader import DrawingReader, as_images, white_of


@pytest.fixture
def images() -> np.ndarray:
    """Crosses on paper, of two sizes, (4, 40, 40) from 0 to 1."""
    found = np.ones((4, 40, 40))
    for index, margin in enumerate((8, 8, 10, 10)):
        found[index, 20, margin:-margin] = found[index, margin:-margin, 20] = 0
    return found


def test_ink_is_one_on_zero(images) -> None:
    drawings = DrawingReader.of(images, 28).read(images)
    assert drawings.shape == (4, 1, 28, 28)
    assert drawings.dtype == np.float32
    assert drawings[:, 0, 0].max() == 0
    assert drawings.max() > 0.5


@pytest.mark.parametrize("scale", [1, 16, 255, 4095.0])
def test_the_scale_of_the_numbers_does_not_matter(images, scale: float) -> None:
    scaled = images * scale
    expected = DrawingReader.of(images, 28).read(images)
    np.testing.assert_allclose(DrawingReader.of(scaled, 28).read(scaled), expected, atol=1e-4)


def test_white_is_that_of_the_examples(images) -> None:
    assert white_of(images) == 1
    assert white_of(images > 0) == 1
    assert white_of((images * 200).astype(np.uint8)) == 255
    assert white_of(images * 16) == 16
    with pytest.raises(UserError, match="numbers from 0 were expected"):
        white_of(images - 1)


def test_one_query_is_read_as_in_a_batch(images) -> None:
    reader = DrawingReader.of(images, 28)
    np.testing.assert_array_equal(reader.read(images)[2:3], reader.read(images[2:3]))


def test_images_of_another_shape_are_refused(images) -> None:
    with pytest.raises(UserError, match=r"Images of shape \(39, 40\) came"):
        DrawingReader.of(images, 28).read(images[:, 1:])


@pytest.mark.parametrize(("examples", "queries"), [(1, 255), (255, 1), (16, 255)])
def test_queries_of_another_scale_are_refused(images, examples: float, queries: float) -> None:
    reader = DrawingReader.of(images * examples, 28)
    with pytest.raises(UserError, match="Give all images on one scale"):
        reader.read(images * queries)
    assert len(reader.read(images * examples * 1.2)) == 4
    assert len(reader.read(images * 0)) == 4


def test_channels_may_come_first_or_last_and_rows_may_be_flat() -> None:
    assert as_images(np.ones((2, 3, 8, 9)), None).shape == (2, 8, 9, 3)
    assert as_images(np.ones((2, 8, 9, 3)), None).shape == (2, 8, 9, 3)
    assert as_images(np.ones((2, 64)), None).shape == (2, 8, 8)
    assert as_images(np.ones((2, 6)), (2, 3)).shape == (2, 2, 3)
    with pytest.raises(UserError, match="no square image"):
        as_images(np.ones((2, 6)), None)
    with pytest.raises(UserError, match="was expected"):
        as_images(np.ones((2, 8, 8, 7)), None)
