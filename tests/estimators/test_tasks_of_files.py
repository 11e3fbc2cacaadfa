"""From a folder or a table to predictions, in a few lines."""

from pathlib import Path

import pytest

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
    with pytest.raises(UserError, match="0 draws"):
        quickstudy.adapt(classes, num_draws=0)
