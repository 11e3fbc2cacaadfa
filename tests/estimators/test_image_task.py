"""From a folder of images to names, whatever people keep in such folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quickstudy.core import UserError
from quickstudy.datasets import DataError
from quickstudy.estimators.image_task import ImageTask

SYMBOLS = ("circle", "square", "cross")
FAST = "omniglot-transformer"


def labels(task: ImageTask, queries: list[Path]) -> list[str | None]:
    return [answer.label for answer in task.predict(queries)]


def test_new_images_get_the_names_of_their_classes(classes: Path, new: list[Path]) -> None:
    task = ImageTask.of(classes)
    assert task.names == ("circle", "cross", "square")
    assert task.problems == ()
    answers = task.predict(new)
    assert [answer.label for answer in answers] == list(SYMBOLS)
    for answer in answers:
        assert answer.confidence == max(answer.probabilities.values()) > 0.5
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        assert next(iter(answer.probabilities)) == answer.label


def test_a_folder_of_queries_means_its_images(classes: Path, new: list[Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_bytes(b"nothing")
    answers = ImageTask.of(classes, FAST).predict(tmp_path)
    assert [answer.query for answer in answers] == sorted(str(path) for path in new)


def test_a_folder_without_images_of_its_own_is_named(classes: Path) -> None:
    (answer,) = ImageTask.of(classes, FAST).predict(classes)
    assert "is a folder without images of its own" in answer.problem


def test_numbers_of_examples_may_differ_and_names_may_be_any(classes: Path, new: list[Path]) -> None:
    (classes / "circle").rename(classes / "Кружок ○")
    (classes / "square").rename(classes / ".hidden")
    (classes / "cross" / "2.png").unlink()
    (classes / "cross" / "Thumbs.db").write_bytes(b"of another system")
    task = ImageTask.of(classes, FAST)
    assert task.names == ("cross", "Кружок ○")
    assert labels(task, [new[0], new[2]]) == ["Кружок ○", "cross"]


def _rotated(symbol, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Stored a quarter turn to the left of how it is shown.
    symbol("cross", 11).rotate(90, expand=True).save(path, exif=exif)


def _photograph(symbol, path: Path) -> None:
    light = np.linspace(0.55, 0.95, 240)[None] * np.linspace(1, 0.8, 240)[:, None]
    ink = 1 - 0.75 * (np.asarray(symbol("cross", 11).resize((240, 240))) < 128)
    grain = 0.01 * np.random.default_rng(0).normal(size=light.shape)
    shades = np.clip(255 * (light * ink + grain), 0, 255).astype(np.uint8)
    Image.fromarray(np.stack([shades, shades, (shades * 0.9).astype(np.uint8)], axis=2)).save(path, quality=95)


FORMS = {
    "one bit": ("q.png", lambda symbol, path: symbol("cross", 11).convert("1").save(path)),
    "transparent": ("q.png", lambda symbol, path: symbol("cross", 11, (0, 0, 0, 255), (0, 0, 0, 0), "RGBA").save(path)),
    "palette": ("q.gif", lambda symbol, path: symbol("cross", 11).convert("P").save(path)),
    "colour": ("q.png", lambda symbol, path: symbol("cross", 11, (180, 0, 0), (250, 250, 220), "RGB").save(path)),
    "white on black": ("q.bmp", lambda symbol, path: symbol("cross", 11, "white", "black").save(path)),
    "rotated by EXIF": ("q.jpg", _rotated),
    "a photograph of paper": ("q.jpg", _photograph),
    "a name in capitals": ("Q.PNG", lambda symbol, path: symbol("cross", 11).save(path)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_usual_form_of_an_image_is_read(classes: Path, symbol, tmp_path: Path, form: str) -> None:
    name, save = FORMS[form]
    save(symbol, tmp_path / name)
    (answer,) = ImageTask.of(classes, FAST).predict(tmp_path / name)
    assert answer.label == "cross", answer


def test_a_bad_example_is_named_and_the_others_are_read(classes: Path, new: list[Path]) -> None:
    (classes / "circle" / "3.png").write_bytes(b"no image")
    Image.new("L", (40, 40), "white").save(classes / "square" / "blank.png")
    task = ImageTask.of(classes, FAST)
    assert len(task.problems) == 2
    assert "3.png" in task.problems[0]
    assert "Replace or remove it" in task.problems[0]
    assert "blank.png is blank" in task.problems[1]
    assert labels(task, new) == list(SYMBOLS)


def test_a_bad_query_is_named_and_the_others_are_answered(classes: Path, new: list[Path], tmp_path: Path) -> None:
    damaged, text = tmp_path / "damaged.jpg", tmp_path / "notes.txt"
    damaged.write_bytes(new[0].read_bytes()[:60])
    text.write_text("no image")
    answers = ImageTask.of(classes, FAST).predict([damaged, new[1], text, tmp_path / "missing.png"])
    assert [answer.label for answer in answers] == [None, "square", None, None]
    assert "damaged.jpg" in answers[0].problem
    assert "notes.txt is no image" in answers[2].problem
    assert "missing.png" in answers[3].problem


def test_what_cannot_be_a_task_is_refused(classes: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not read images"):
        ImageTask.of(classes, "gp-general")
    for number in (1, 2):
        (classes / "cross" / f"{number}.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="No image of the class 'cross' can be read"):
        ImageTask.of(classes, FAST)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no sub-folders"):
        ImageTask.of(tmp_path / "empty")


def test_no_queries_give_no_answers(classes: Path) -> None:
    assert ImageTask.of(classes, FAST).predict([]) == []
