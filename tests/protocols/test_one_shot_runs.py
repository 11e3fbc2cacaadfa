from pathlib import Path

import pytest

from quickstudy.core import UserError
from quickstudy.protocols import open_weights
from quickstudy.protocols.one_shot_runs import measure_official_runs


def test_nearest_neighbour_makes_no_error_where_both_drawings_are_equal(official_runs: Path) -> None:
    found = measure_official_runs(open_weights("omniglot-nearest"), official_runs)
    assert found.errors.tolist() == [0.0, 0.0]
    assert found.record()["errors"] == {"run01": 0.0, "run02": 0.0}


def test_an_error_is_the_share_of_wrong_answers(official_runs: Path) -> None:
    folder = official_runs
    labels = folder / "run01/class_labels.txt"
    first, second, *others = labels.read_text().splitlines()
    swapped = [f"{first.split()[0]} {second.split()[1]}", f"{second.split()[0]} {first.split()[1]}"]
    labels.write_text("\n".join([*swapped, *others]))
    assert measure_official_runs(open_weights("omniglot-nearest"), folder).errors.tolist() == [0.5, 0.0]


def test_weights_that_answer_no_queries_are_refused(official_runs: Path) -> None:
    with pytest.raises(UserError, match="does not classify the queries"):
        measure_official_runs(open_weights("gp-cnp"), official_runs)
