"""Images of other sizes keep what they show."""

import numpy as np
import pytest

from quickstudy.datasets.resampling import area_average, resample, shrink


@pytest.mark.parametrize(("length", "size"), [(105, 28), (105, 20), (28, 28), (7, 28), (105, 1)])
def test_area_averages_keep_the_mean(length: int, size: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, length, length)).astype(np.uint8)
    averaged = area_average(images, size)
    assert averaged.shape == (3, size, size)
    np.testing.assert_allclose(averaged.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.5)


def test_a_pixel_on_an_edge_is_shared_by_area() -> None:
    images = np.array([[0, 240, 0], [0, 240, 0], [0, 240, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(area_average(images, 2), np.full((2, 2), 80))
    np.testing.assert_array_equal(area_average(images, 3), images)


@pytest.mark.parametrize("size", [9, 30], ids=["smaller", "larger"])
def test_a_window_shows_what_lies_in_it_and_nothing_outside_of_the_image(size: int) -> None:
    image = np.ones((20, 20))
    shown = resample(image, size, top=-20, left=0, side=40)
    assert shown.dtype == np.float32
    third, edge = shown[: size // 2 - 3, : size // 2 - 3], shown[size // 2 + 2 :, : size // 2 - 3]
    assert third.max() == 0
    np.testing.assert_allclose(edge, 1 if size < 20 else edge, atol=1e-5)
    assert edge.mean() == pytest.approx(1, abs=0.1)


def test_enlarging_goes_through_the_pixels_and_is_smooth_between_them() -> None:
    slope = np.tile(np.arange(8.0), (8, 1))
    shown = resample(slope, 24, 0, 0, 8)
    np.testing.assert_allclose(shown[12, 1:-1:3], np.arange(8), atol=1e-4)
    np.testing.assert_allclose(np.diff(shown[12, 6:-6]), 1 / 3, atol=1e-4)


def test_an_image_of_its_own_size_stays_as_it_is() -> None:
    image = np.random.default_rng(0).random((28, 28)).astype(np.float32)
    np.testing.assert_allclose(resample(image, 28, 0, 0, 28), image, atol=1e-6)
    assert shrink(image, 28) is image


@pytest.mark.parametrize("shape", [(40, 100), (100, 40), (1, 100)])
def test_shrinking_keeps_shape_and_mean(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).random(shape)
    small = shrink(image, 25)
    assert max(small.shape) == 25
    assert small.shape == (max(1, shape[0] // 4), max(1, shape[1] // 4))
    assert small.mean() == pytest.approx(image.mean(), abs=1e-6)
