"""Folders of images as people have them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

SYMBOLS = ("circle", "square", "cross")


def draw(name: str, number: int, ink: object = "black", paper: object = "white", mode: str = "L") -> Image.Image:
    """A drawing of 80 pixels a side; the number moves its lines a little."""
    image = Image.new(mode, (80, 80), paper)
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = (
        int(each) for each in np.array([18, 18, 60, 60]) + np.random.default_rng(number).integers(-4, 5, 4)
    )
    if name == "circle":
        pen.ellipse((left, top, right, bottom), outline=ink, width=4)
    elif name == "square":
        pen.rectangle((left, top, right, bottom), outline=ink, width=4)
    else:
        pen.line((left, top, right, bottom), fill=ink, width=4)
        pen.line((left, bottom, right, top), fill=ink, width=4)
    return image


@pytest.fixture
def symbol():
    """The function that draws a symbol."""
    return draw


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Three classes of two images."""
    for name in SYMBOLS:
        (tmp_path / "classes" / name).mkdir(parents=True)
        for number in (1, 2):
            draw(name, number).save(tmp_path / "classes" / name / f"{number}.png")
    return tmp_path / "classes"


@pytest.fixture
def new(tmp_path: Path) -> list[Path]:
    """A new image of each class, in the order of the symbols."""
    paths = [tmp_path / f"new-{name}.png" for name in SYMBOLS]
    for number, (name, path) in enumerate(zip(SYMBOLS, paths, strict=True)):
        draw(name, 10 + number).save(path)
    return paths
