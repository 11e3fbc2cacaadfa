"""What was learnt from examples is kept in a file."""

from pathlib import Path

import pytest

from quickstudy.estimators.stored_tasks import load_task


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("x,kind\n0,a\n0.2,a\n?,a\n1,b\n1.2,b\n")
    return path


def test_the_file_holds_the_task(quickstudy, table: Path, tmp_path: Path) -> None:
    code, _, err = quickstudy("adapt", table, "--out", tmp_path / "task.safetensors", "--draws", 2, "--seed", 5)
    assert code == 0
    assert err.startswith("left out: ")
    task = load_task(tmp_path / "task.safetensors")
    assert task.names == ("a", "b")
    assert (task.adapted.num_draws, task.adapted.seed) == (2, 5)


def test_examples_of_one_class_are_adapted_to_with_a_word_about_it(quickstudy, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,kind\n0,a\n1,a\n")
    code, _, err = quickstudy("adapt", tmp_path / "t.csv", "--out", tmp_path / "task.safetensors")
    assert code == 0
    assert "All examples are of 'a'" in err


def test_another_ending_is_refused(quickstudy, table: Path, tmp_path: Path) -> None:
    code, _, err = quickstudy("adapt", table, "--out", tmp_path / "task.pickle")
    assert code == 2
    assert "ends in .safetensors was expected" in err


def test_missing_examples_are_named(quickstudy, tmp_path: Path) -> None:
    code, _, err = quickstudy("adapt", tmp_path / "missing", "--out", tmp_path / "task.safetensors")
    assert code == 2
    assert "neither a folder nor a CSV file" in err
