"""Drawings are told from photographs by their paper."""

from pathlib import Path

import numpy as np
import pytest

from quickstudy.core import UserError
from quickstudy.estimators.image_files import DrawingFiles, PhotoFiles, Pixels, read_image, refuse_photographs


def scene(seed: int = 0) -> Pixels:
    return Pixels(np.random.default_rng(seed).random((40, 50, 3)).astype(np.float32))


def test_drawings_have_paper_and_scenes_have_none(symbol, tmp_path: Path) -> None:
    symbol("cross", 1).save(tmp_path / "cross.png")
    drawing = read_image(tmp_path / "cross.png")
    assert drawing.is_drawing
    assert drawing.shades.shape == (80, 80, 3)
    assert not scene().is_drawing
    refuse_photographs([drawing, drawing, scene()])
    with pytest.raises(UserError, match="--encoder photos"):
        refuse_photographs([drawing, scene(), scene(1)])


def test_a_blank_drawing_shows_nothing_and_every_photograph_something() -> None:
    blank = Pixels(np.ones((20, 20, 3), dtype=np.float32))
    assert "is blank" in DrawingFiles.of([blank], 28).problem(blank)
    assert PhotoFiles("photos").problem(blank) is None


def test_photographs_become_features_of_the_encoder() -> None:
    files = PhotoFiles(lambda images: np.stack([image.mean(axis=(0, 1)) for image in images]))
    np.testing.assert_allclose(files.inputs([scene()])[0], scene().shades.mean(axis=(0, 1)), rtol=1e-5)


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    assert "is no image" in read_image(tmp_path / "notes.txt")
    assert "is a folder" in read_image(tmp_path)
    assert "missing.png" in read_image(tmp_path / "missing.png")
