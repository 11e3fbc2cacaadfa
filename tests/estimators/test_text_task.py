"""Folders of texts and columns of text become tasks."""

from pathlib import Path

import numpy as np
import pytest

import quickstudy
from quickstudy.core import UserError
from quickstudy.estimators import encoders
from quickstudy.estimators.text_task import TextTask


def letters(texts: list[str]) -> np.ndarray:
    """Stands in for an encoder: how often each letter comes."""
    return np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "text_encoder", lambda: letters)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, texts in {"früh": ["aab", "abba", ""], "late": ["zzy", "yyz"]}.items():
        (tmp_path / "texts" / name).mkdir(parents=True)
        for number, text in enumerate(texts):
            (tmp_path / "texts" / name / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "texts" / ".hidden").mkdir()
    return tmp_path / "texts"


def test_a_folder_of_texts_names_new_ones(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("baba")
    (tmp_path / "empty.txt").write_text(" \n")
    task = quickstudy.adapt(folder, encoder="text")
    assert task.names == ("früh", "late")
    assert "holds no text" in task.problems[0]
    named, empty = task.predict([tmp_path / "new.txt", tmp_path / "empty.txt"])
    assert named.label == "früh"
    assert "empty.txt holds no text" in str(empty.problem)


def test_a_column_of_text_names_the_rows_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("text,class\naab,early\nabba,early\nzzy,late\nyyz,late\nzz,\n")
    (tmp_path / "new.csv").write_text("number,text\n1,zyzy\n2,\n3,bab\n")
    task = quickstudy.adapt(tmp_path / "few.csv", encoder="text")
    assert "row 5 has no class" in task.problems[0]
    answers = task.predict(tmp_path / "new.csv")
    assert [answer.label for answer in answers] == ["late", None, "early"]


def test_a_stored_task_of_texts_answers_the_same(folder: Path, tmp_path: Path) -> None:
    task = quickstudy.adapt(folder, encoder="text")
    quickstudy.save_task(tmp_path / "task.safetensors", task)
    restored = quickstudy.load_task(tmp_path / "task.safetensors")
    assert isinstance(restored, TextTask)
    assert restored.predict(folder / "late") == task.predict(folder / "late")


def test_files_that_are_no_texts_are_refused_or_named(folder: Path, tmp_path: Path) -> None:
    (folder / "late" / "bad.txt").write_bytes(b"\xff\xfe\xff")
    assert "cannot be read as UTF-8" in quickstudy.adapt(folder, encoder="text").problems[-1]
    (tmp_path / "wide.csv").write_text("a,b,c\nx,y,z\n")
    with pytest.raises(UserError, match="a column of text and one of the class were expected"):
        quickstudy.adapt(tmp_path / "wide.csv", encoder="text")
    with pytest.raises(UserError, match="reads drawings"):
        quickstudy.adapt(folder, "omniglot-protonet", encoder="text")
    with pytest.raises(UserError, match="Texts have classes"):
        quickstudy.adapt(folder, encoder="text", kind="values")
