"""From a table to answers: classes or values."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris

from quickstudy.core import UserError
from quickstudy.estimators.table_task import TableTask


def write(path: Path, header: str, rows: np.ndarray | list) -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_classes_are_named(tmp_path: Path) -> None:
    iris = load_iris()
    names = iris.target_names[iris.target]
    rows = [[*numbers, name] for numbers, name in zip(iris.data, names, strict=True)]
    task = TableTask.of(write(tmp_path / "iris.csv", "a,b,c,d,kind", rows[::10]))
    assert task.names == ("setosa", "versicolor", "virginica")
    answers = task.predict(write(tmp_path / "new.csv", "a,b,c,d,kind", rows))
    assert np.mean([answer.label == name for answer, name in zip(answers, names, strict=True)]) > 0.8
    assert [answer.query for answer in answers[:2]] == ["1", "2"]


def test_values_get_an_interval(tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    table = np.round(np.column_stack([X, y]), 5)[:120]
    header = ",".join([*"abcdefghij", "value"])
    task = TableTask.of(write(tmp_path / "known.csv", header, table[:80]))
    answers = task.predict([write(tmp_path / "new.csv", header, table[80:])])
    inside = [
        answer.interval90[0] < value < answer.interval90[1] for answer, value in zip(answers, y[80:], strict=False)
    ]
    assert 0.75 <= np.mean(inside) <= 1
    assert task.adapted.chosen.name == "table-gp"


def test_a_curve_goes_to_the_learner_of_curves(tmp_path: Path) -> None:
    x = np.linspace(0, 6, 25)
    task = TableTask.of(write(tmp_path / "curve.csv", "x,y", np.column_stack([x, np.sin(x)])))
    assert task.adapted.chosen.name == "gp-general"
    answers = task.predict(write(tmp_path / "new.csv", "x", [[1.1], [2.2]]))
    assert [answer.mean for answer in answers] == pytest.approx(np.sin([1.1, 2.2]), abs=0.1)


def test_the_kind_and_the_target_can_be_chosen(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "grade,x", [[1, 0], [1, 0.1], [2, 1], [2, 1.1], [3, 2], [3, 2.1]])
    assert TableTask.of(file, target="grade").names == ("1", "2", "3")
    values = TableTask.of(file, target="grade", kind="values")
    assert values.names == ()
    assert TableTask.of(file, target="x", kind="classes").names == ("0", "0.1", "1", "1.1", "2", "2.1")


def test_bad_rows_are_named_in_their_place(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "x,kind", [[0, "a"], ["?", "a"], [1, "b"], [1.2, "b"]])
    task = TableTask.of(file)
    assert len(task.problems) == 1
    answers = task.predict(write(tmp_path / "q.csv", "x", [[0.1], ["?"], [1.3]]))
    assert [answer.label for answer in answers] == ["a", None, "b"]
    assert "q.csv, row 2" in answers[1].problem


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "x,kind", [[0, "a"], [1, "b"]])
    with pytest.raises(UserError, match="holds text, but values were expected"):
        TableTask.of(file, "gp-general")
    with pytest.raises(UserError, match="does not predict classes from columns of numbers"):
        TableTask.of(file, "omniglot-protonet")
    with pytest.raises(UserError, match="holds text, but values were expected"):
        TableTask.of(file, kind="values")
    with pytest.raises(UserError, match="No row of"):
        TableTask.of(write(tmp_path / "bad.csv", "x,kind", [["?", "a"]]))
    with pytest.raises(UserError, match="has no column beside 'kind'"):
        TableTask.of(write(tmp_path / "one.csv", "kind", [["a"], ["b"]]))


def test_values_without_places_are_a_curve_over_the_numbers_of_their_rows(tmp_path: Path) -> None:
    file = write(tmp_path / "curve.csv", "level", [[np.sin(row / 3)] for row in range(1, 26)])
    task = TableTask.of(file)
    assert task.adapted.chosen.name == "gp-general"
    answers = task.predict(write(tmp_path / "new.csv", "row", [[2.5], [26]]))
    assert [answer.mean for answer in answers] == pytest.approx(np.sin([2.5 / 3, 26 / 3]), abs=0.1)
    assert len(task.predict(file)) == 25


def test_a_learner_of_values_reads_repeated_whole_numbers_as_values(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "x,level", [[0, 5], [1, 5], [2, 6], [3, 5], [4, 6], [5, 6]])
    assert TableTask.of(file, "gp-general").names == ()
    assert TableTask.of(file).names == ("5", "6")
