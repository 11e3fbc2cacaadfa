"""Whatever picture shows it, a drawing becomes the same ink."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from quickstudy.datasets import DataError, glyphs, omniglot, prepare_drawing
from quickstudy.datasets.drawings import LARGEST_SIDE, USUAL_SIDE, find_ink
from quickstudy.datasets.frames import usual_side
from quickstudy.datasets.resampling import area_average

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def drawing() -> np.ndarray:
    """A drawing of 105×105 pixels with a margin, (H, W) from 0 to 1, strongest ink 1."""
    ink = glyphs.load(1, 1, seed=3, size=105)[0, 0].numpy() / 255
    return ink / ink.max()


@pytest.fixture(scope="module")
def expected(drawing: np.ndarray) -> np.ndarray:
    return area_average(np.rint(255 * drawing).astype(np.uint8), 28) / 255


def levels(shades: np.ndarray) -> np.ndarray:
    return np.rint(255 * shades).astype(np.uint8)


def coloured(ink: np.ndarray, colour: tuple[int, int, int]) -> Image.Image:
    """The ink in a colour, on nothing."""
    pixels = np.empty((*ink.shape, 4), dtype=np.uint8)
    pixels[..., :3], pixels[..., 3] = colour, levels(ink)
    return Image.fromarray(pixels)


def cut_corners(ink: np.ndarray) -> Image.Image:
    """On white paper of which a corner is transparent."""
    pixels = np.repeat(levels(1 - ink)[..., None], 4, axis=2)
    pixels[..., 3] = 255
    pixels[:9, :9, 3] = 0
    return Image.fromarray(pixels)


WAYS = {
    "dark on white": lambda ink: levels(1 - ink),
    "bright on black": levels,
    "dark on mid-grey": lambda ink: levels(0.5 * (1 - ink)),
    "bright on mid-grey": lambda ink: levels(0.5 + 0.5 * ink),
    "pencil grey on white": lambda ink: levels(1 - 0.3 * ink),
    "white on transparent": lambda ink: coloured(ink, (255, 255, 255)),
    "black on transparent": lambda ink: coloured(ink, (0, 0, 0)),
    "red on transparent": lambda ink: coloured(ink, (200, 0, 0)),
    "paper with a transparent corner": cut_corners,
    "channels last": lambda ink: np.repeat(levels(1 - ink)[..., None], 3, axis=2),
    "channels first": lambda ink: np.repeat(levels(1 - ink)[None], 3, axis=0),
    "a tensor": lambda ink: torch.from_numpy(levels(1 - ink)),
    "floats": lambda ink: 1 - ink,
    "single precision": lambda ink: ink.astype(np.float32),
    "16 bits": lambda ink: np.rint(65535 * (1 - ink)).astype(np.uint16),
    "12 bits": lambda ink: np.rint(4095 * (1 - ink)).astype(np.uint16),
    "a grey PIL image": lambda ink: Image.fromarray(levels(1 - ink)),
    "a CMYK image": lambda ink: Image.fromarray(levels(1 - ink)).convert("CMYK"),
    "a palette": lambda ink: Image.fromarray(levels(1 - ink)).convert("P"),
    "grey with transparency": lambda ink: Image.fromarray(levels(1 - ink)).convert("LA"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_drawing_is_the_same_ink_whatever_shows_it(drawing, expected, way) -> None:
    found = prepare_drawing(way(drawing))
    assert found.dtype == np.float32
    assert found.shape == (28, 28)
    np.testing.assert_allclose(found, expected, atol=0.03)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_what_is_only_0_and_1_is_ink(drawing, dtype) -> None:
    ink = drawing > 0.5
    for given in (ink, ~ink):
        np.testing.assert_allclose(prepare_drawing(given.astype(dtype)), area_average(levels(ink), 28) / 255, atol=0.01)
    one_bit = Image.fromarray(~ink)
    assert one_bit.mode == "1"
    np.testing.assert_allclose(prepare_drawing(one_bit), area_average(levels(ink), 28) / 255, atol=0.01)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("png", {}),
        ("gif", {"save_all": True, "append_images": [Image.new("L", (105, 105))]}),
        ("webp", {"save_all": True, "append_images": [Image.new("L", (105, 105))], "lossless": True}),
        ("png", {"save_all": True, "append_images": [Image.new("L", (105, 105))]}),
    ],
)
def test_of_an_animation_the_first_picture_counts(tmp_path: Path, drawing, expected, suffix, options) -> None:
    path = tmp_path / f"größe 汉字.{suffix}"
    Image.fromarray(levels(1 - drawing)).save(path, **options)
    for given in (path, str(path)):
        np.testing.assert_allclose(prepare_drawing(given), expected, atol=0.03)


def test_files_of_sixteen_bits_are_read_by_their_brightest_possible_value(tmp_path: Path, drawing, expected) -> None:
    for white in (65535, 4095):
        Image.fromarray(np.rint(white * (1 - drawing)).astype(np.uint16)).save(tmp_path / "deep.png")
        np.testing.assert_allclose(prepare_drawing(tmp_path / "deep.png"), expected, atol=0.01)
        raw = prepare_drawing(tmp_path / "deep.png", invert=True)
        np.testing.assert_allclose(raw, expected, atol=0.01)


# Photographs.


def lit(ink: np.ndarray, paper: float, pen: float, falls_by: float, seed: int = 0) -> np.ndarray:
    """A photograph of ink: light falls off across it, and it is grained."""
    height, width = ink.shape
    light = 1 - falls_by * (np.arange(width) / width + np.arange(height)[:, None] / height) / 2
    grain = 0.02 * np.random.default_rng(seed).standard_normal(ink.shape)
    return np.clip(light * (paper + (pen - paper) * ink) + grain, 0, 1)


def enlarged(drawing: np.ndarray, factor: int = 4) -> np.ndarray:
    side = factor * len(drawing)
    return np.asarray(Image.fromarray(levels(drawing)).resize((side, side), Image.Resampling.BICUBIC)) / 255


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize(
    ("paper", "pen"), [(0.9, 0.2), (0.9, 0.55), (0.15, 0.85)], ids=["ink on paper", "pencil on paper", "chalk on black"]
)
def test_uneven_light_is_no_ink(drawing, paper, pen) -> None:
    found = prepare_drawing(lit(enlarged(drawing), paper, pen, falls_by=0.5))
    assert found[[0, -1]].max() == found[:, [0, -1]].max() == 0
    assert alike(found, prepare_drawing(drawing, reframe=True)) > 0.95


def test_ruled_lines_are_no_ink(drawing) -> None:
    page = enlarged(drawing)
    ruled = page.copy()
    ruled[20::40] = np.maximum(ruled[20::40], 0.2)
    plain, lined = (prepare_drawing(lit(each, 0.9, 0.2, falls_by=0.3)) for each in (page, ruled))
    assert alike(plain, lined) > 0.98


def test_a_photograph_of_a_whole_page_shows_the_drawing_as_large_as_those_learnt_from(drawing) -> None:
    page = np.zeros((700, 900))
    page[200:410, 300:510] = enlarged(drawing, 2)
    found = prepare_drawing(lit(page, 0.9, 0.2, falls_by=0.4))
    assert alike(found, prepare_drawing(drawing, reframe=True)) > 0.9


def test_a_photograph_of_empty_paper_has_no_ink() -> None:
    assert prepare_drawing(lit(np.zeros((200, 300)), 0.9, 0.2, falls_by=0.5)).max() == 0


def test_a_blank_picture_has_no_ink() -> None:
    for shade in (0, 3, 128, 255):
        blank = np.full((40, 40), shade, dtype=np.uint8)
        assert prepare_drawing(blank).max() == 0
    assert prepare_drawing(Image.new("RGBA", (40, 40))).max() == 0


# The frame.


def test_a_drawing_with_a_margin_stays_where_it_is(drawing) -> None:
    aside = np.roll(drawing, (-6, 4), axis=(0, 1))
    np.testing.assert_allclose(prepare_drawing(aside), area_average(levels(aside), 28) / 255, atol=0.01)


def test_what_is_prepared_already_stays_as_it_is(drawing) -> None:
    once = prepare_drawing(drawing)
    np.testing.assert_allclose(prepare_drawing(once), once / once.max(), atol=0.01)


def test_ink_from_edge_to_edge_gets_the_margin_of_the_training_data() -> None:
    digit = np.zeros((8, 8))
    digit[:, 3:5] = 1
    found = prepare_drawing(digit)
    seen = np.flatnonzero(found.max(axis=1) > 0.5)
    thick_strokes_make_it_smaller = usual_side([find_ink(digit)])
    assert thick_strokes_make_it_smaller < USUAL_SIDE
    assert seen[-1] - seen[0] + 1 == pytest.approx(thick_strokes_make_it_smaller * 28, abs=1.5)
    assert seen[0] + seen[-1] == pytest.approx(27, abs=1)
    shades = len(np.unique(np.round(found, 2)))
    assert shades > 4, "it is enlarged smoothly, not in blocks"


def test_the_frame_can_be_decided_by_the_caller() -> None:
    square = np.zeros((40, 40))
    square[4:16, 4:16] = 1
    as_it_is, moved = (prepare_drawing(square, 20, reframe=each) for each in (False, True))
    assert np.argwhere(as_it_is > 0.5).tolist() == np.argwhere(area_average(levels(square), 20) > 127).tolist()
    rows = np.flatnonzero(moved.max(axis=1) > 0.5)
    assert rows[0] + rows[-1] == 19
    edge = np.ones((9, 9))
    assert prepare_drawing(edge, invert=False, reframe=False).min() == 1


def test_a_long_picture_keeps_its_shape() -> None:
    long = np.full((20, 2000), 255, dtype=np.uint8)
    long[:, 300:1700] = 0
    found = prepare_drawing(long)
    assert np.flatnonzero(found.max(axis=1) > 0).size <= 2


# What cannot be read.


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (np.zeros((1, 65_000)), "65000×1 pixels, but one side may be at most 100 times the other"),
        (np.zeros((0, 5)), "nothing in it"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((2, 5, 5)), r"shape \(2, 5, 5\)"),
        (np.full((5, 5), 255.0), "0 to 1 was expected; divide them by the value of white"),
        (np.arange(25).reshape(5, 5), "int64 from 0 to 24, which does not say how bright white is"),
        (np.full((5, 5), np.nan), "25 of its numbers are NaN or infinite"),
        (np.full((5, 5), "ink"), "<U3"),
        (Image.new("F", (5, 5)), "32 bits per pixel"),
        ("nowhere.png", r"nowhere\.png: .*No such file"),
    ],
)
def test_what_cannot_be_read_has_one_message(given, complaint) -> None:
    with pytest.raises(DataError, match=complaint):
        prepare_drawing(given)


def test_impossible_arguments_are_refused() -> None:
    for options in ({"size": 0}, {"invert": "yes"}, {"reframe": "no"}):
        with pytest.raises(ValueError, match="must be"):
            prepare_drawing(np.zeros((5, 5)), **options)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (40, 40)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"bomb\.png: .*1600 pixels"):
        prepare_drawing(tmp_path / "bomb.png")


# The training data.


@pytest.mark.skipif(
    not os.environ.get("QUICKSTUDY_DATA"), reason="QUICKSTUDY_DATA names no folder with the real Omniglot"
)
def test_omniglots_own_drawings_come_out_as_its_loader_gives_them() -> None:
    originals, averaged = (omniglot.load(size=size).images[::300, :4].reshape(-1, size, size) for size in (105, 28))
    sides = np.array([find_ink(1 - original / 255).longer_side for original in originals])
    assert np.mean(sides > LARGEST_SIDE) < 0.1
    for original, wanted in zip(originals[sides <= LARGEST_SIDE], averaged[sides <= LARGEST_SIDE], strict=True):
        for given in (255 - original, Image.fromarray(255 - original).convert("1")):
            found = np.rint(255 * prepare_drawing(given))
            assert np.abs(found - wanted).max() <= 1


def test_the_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(levels(1 - np.pad(np.ones((9, 3)), 9))).save("drawing.png")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "images.md").read_text(), flags=re.DOTALL):
        exec(block, names)
