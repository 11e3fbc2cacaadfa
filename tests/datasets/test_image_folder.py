"""Folders of images become arrays of ink, whatever their shape, colours and names."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quickstudy.datasets import image_folder
from quickstudy.datasets.download import DataError


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def paper(height: int = 28, width: int = 28, brightness: int = 255) -> np.ndarray:
    return np.full((height, width), brightness, dtype=np.uint8)


def paper_with_a_dot(height: int = 28, width: int = 28) -> np.ndarray:
    pixels = paper(height, width)
    pixels[height // 2, width // 2] = 0
    return pixels


def test_a_class_per_sub_folder_padded_with_zeros(tmp_path: Path) -> None:
    for name, count in (("cat", 3), ("dog", 1)):
        for number in range(count):
            save(tmp_path / name / f"{number}.png", paper_with_a_dot())
    images, num_drawings, names = image_folder.load(tmp_path)
    assert names == ("cat", "dog")
    assert images.shape == (2, 3, 28, 28)
    assert images.dtype == np.uint8
    assert num_drawings.tolist() == [3, 1]
    assert num_drawings.dtype == np.int64
    assert images.max(axis=(2, 3)).tolist() == [[255, 255, 255], [255, 0, 0]]


def test_names_come_in_natural_order(tmp_path: Path) -> None:
    for name in ("class 10", "Class 2", "class 1"):
        save(tmp_path / name / "image.png", paper())
    for brightness, name in ((10, "1.png"), (20, "02.png"), (30, "10.png")):
        save(tmp_path / "class 1" / name, paper(brightness=brightness))
    (tmp_path / "class 1" / "image.png").unlink()
    images, _, names = image_folder.load(tmp_path, invert=False)
    assert names == ("class 1", "Class 2", "class 10")
    assert images[0, :, 0, 0].tolist() == [10, 20, 30]


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "1.PNG", paper())
    save(tmp_path / ".thumbnails" / "1.png", paper())
    (tmp_path / "__MACOSX" / "cat").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("about the cat")
    (tmp_path / "cat" / "._1.png").write_bytes(b"of another system")
    (tmp_path / "cat" / "notes.txt").write_text("about the cat")
    (tmp_path / "cat" / "folder.png").mkdir()
    _, num_drawings, names = image_folder.load(tmp_path)
    assert names == ("cat",)
    assert num_drawings.tolist() == [1]


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "bmp", "gif", "webp", "tif"])
def test_common_formats_are_read(tmp_path: Path, suffix: str) -> None:
    pixels = paper(32, 32)
    pixels[8:24, 8:24] = 0
    save(tmp_path / "square" / f"1.{suffix}", pixels)
    ink = image_folder.load(tmp_path, size=4).images[0, 0]
    np.testing.assert_allclose(ink, np.pad(np.full((2, 2), 255), 1), atol=3)


def test_ink_is_high_on_bright_and_on_dark_backgrounds(tmp_path: Path) -> None:
    save(tmp_path / "a" / "bright.png", paper_with_a_dot())
    save(tmp_path / "a" / "dark.png", 255 - paper_with_a_dot())
    bright, dark = image_folder.load(tmp_path).images[0]
    np.testing.assert_array_equal(bright, dark)
    assert dark[0, 0] == 0
    assert dark[14, 14] == 255


def test_inverting_can_be_decided_by_the_caller(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", paper_with_a_dot())
    inverted = image_folder.load(tmp_path, invert=True).images
    unchanged = image_folder.load(tmp_path, invert=False).images
    np.testing.assert_array_equal(inverted, 255 - unchanged)
    np.testing.assert_array_equal(unchanged[0, 0], paper_with_a_dot())


@pytest.mark.parametrize("shape", [(60, 20), (20, 60), (2, 60)])
def test_the_aspect_stays_and_the_padding_is_background(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = paper(*shape, brightness=240)
    pixels[shape[0] // 2, shape[1] // 2] = 0
    save(tmp_path / "a" / "1.png", pixels)
    ink = image_folder.load(tmp_path, size=60).images[0, 0]
    assert ink[30, 30] == 255
    ink[30, 30] = 0
    assert (ink == 0).all()
    ink = image_folder.load(tmp_path, size=60, invert=True).images[0, 0]
    assert ink[30, 30] == 255
    ink[30, 30] = 15
    assert (ink == 15).all()


def test_transparent_parts_are_white_paper(tmp_path: Path) -> None:
    pixels = np.zeros((28, 28, 4), dtype=np.uint8)
    pixels[14, 14, 3] = 255
    save(tmp_path / "a" / "1.png", pixels)
    ink = image_folder.load(tmp_path).images[0, 0]
    np.testing.assert_array_equal(ink, 255 - paper_with_a_dot())


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", paper(brightness=100).astype(np.uint16) * 257)
    assert (image_folder.load(tmp_path, invert=False).images == 100).all()


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    pixels = paper(brightness=0)
    pixels[:14] = 255
    orientation = Image.Exif()
    orientation[0x0112] = 3
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels).save(tmp_path / "a" / "1.png", exif=orientation)
    np.testing.assert_array_equal(image_folder.load(tmp_path, invert=False).images[0, 0], pixels[::-1])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: No such file.*one sub-folder of images per class"):
        image_folder.load(tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    save(tmp_path / "1.png", paper())
    with pytest.raises(DataError, match=r"1\.png: Not a directory"):
        image_folder.load(tmp_path / "1.png")


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "1.png", paper())
    with pytest.raises(DataError, match="has no sub-folders"):
        image_folder.load(tmp_path)


def test_a_class_without_images_is_named(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "1.png", paper())
    (tmp_path / "dog").mkdir()
    with pytest.raises(DataError, match=r"dog has no images.*\.png"):
        image_folder.load(tmp_path)


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "1.png", paper_with_a_dot())
    whole = (tmp_path / "cat" / "1.png").read_bytes()
    for damaged in (b"", b"no image", whole[: len(whole) // 2]):
        (tmp_path / "cat" / "2.png").write_bytes(damaged)
        with pytest.raises(DataError, match=r"Cannot read the image .*2\.png"):
            image_folder.load(tmp_path)


def test_images_whose_range_is_unknown_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.tif", np.zeros((8, 8), dtype=np.float32))
    with pytest.raises(DataError, match="32 bits per pixel"):
        image_folder.load(tmp_path)


def test_impossible_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
        image_folder.load(tmp_path, size=0)
    with pytest.raises(ValueError, match="not 'yes'"):
        image_folder.load(tmp_path, invert="yes")  # type: ignore[arg-type]


@pytest.fixture
def tiny_digits() -> np.ndarray:
    """Five bars of 8×8 pixels from edge to edge, black on white, and one that is shorter."""
    bars = np.full((6, 8, 8), 255, dtype=np.uint8)
    for index, bar in enumerate(bars):
        bar[:, index + 1] = 0
    bars[5, 7] = 255
    return bars


def test_a_folder_is_reframed_as_a_whole_where_most_ink_goes_from_edge_to_edge(tmp_path: Path, tiny_digits) -> None:
    for index, bar in enumerate(tiny_digits):
        save(tmp_path / "bars" / f"{index}.png", bar)
    images = image_folder.load(tmp_path).images[0]
    heights = [np.ptp(np.flatnonzero(image.max(axis=1) > 127)) + 1 for image in images]
    assert heights == pytest.approx([14] * 6, abs=1.5), "smaller than usual, because the bars are thick"
    assert image_folder.load(tmp_path, reframe=False).images[0, 0, 0].max() > 127


def test_in_a_folder_of_drawings_with_margins_one_that_goes_to_the_edge_stays_as_it_is(tmp_path: Path) -> None:
    for index, (top, bottom) in enumerate([(8, 20), (5, 24), (0, 28)]):
        pixels = paper()
        pixels[top:bottom, 13:15] = 0
        save(tmp_path / "bars" / f"{index}.png", pixels)
    images = image_folder.load(tmp_path).images[0]
    assert [int((image[:, 13] > 127).sum()) for image in images] == [12, 19, 28]


def test_white_ink_on_nothing_and_dark_ink_on_mid_grey_are_ink(tmp_path: Path) -> None:
    nothing = np.full((28, 28, 4), 255, dtype=np.uint8)
    nothing[..., 3] = 255 - paper_with_a_dot()
    save(tmp_path / "a" / "white.png", nothing)
    save(tmp_path / "a" / "mid.png", paper_with_a_dot() // 2)
    for ink in image_folder.load(tmp_path).images[0]:
        np.testing.assert_array_equal(ink, 255 - paper_with_a_dot())


def test_twelve_bits_in_a_file_of_sixteen_are_scaled_by_their_own_white(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", np.full((8, 8), 1365, dtype=np.uint16))
    assert (image_folder.load(tmp_path, invert=False).images == 85).all()


def test_one_long_line_of_pixels_is_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path / "a" / "line.png", paper(1, 65_000))
    with pytest.raises(DataError, match=r"line\.png: it is 65000×1 pixels.*crop it"):
        image_folder.load(tmp_path)


@pytest.mark.parametrize("path", ["{}/{}", "{}/alphabet/{}"])
def test_classes_that_lie_deeper_are_found_and_named(tmp_path: Path, path: str) -> None:
    for part, names in (("train", ("cat", "dog", "cow")), ("test", ("owl", "hen"))):
        for name in names:
            save(tmp_path / path.format(part, name) / "1.png", paper())
    inner = path.format("train", "").rstrip("/")
    with pytest.raises(DataError, match=rf"folders of images lie deeper.*{inner} \(3 classes\)"):
        image_folder.load(tmp_path)


def test_given_one_class_the_message_names_the_folder_above(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        save(tmp_path / name / "1.png", paper())
    with pytest.raises(DataError, match=rf"2?1 images of its own.*give {tmp_path}\."):
        image_folder.load(tmp_path / "cat")
